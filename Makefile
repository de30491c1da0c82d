# `make` alone lists the commands.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3.10 || command -v python3)
export PATH := $(CURDIR)/.venv/bin:$(PATH)
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help setup repro test lint lock clean

help:  ## List the commands
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

setup: $(READY)  ## Make .venv with the pinned packages

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --no-deps --require-hashes -r requirements.lock
	.venv/bin/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

repro: $(READY)  ## Run what has changed of the whole pipeline
	dvc repro

test: $(READY)  ## Run the tests
	pytest

lint: $(READY)  ## Check format, style and types
	ruff format --check
	ruff check
	mypy

lock: $(READY)  ## Resolve requirements.lock anew from pyproject.toml
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.10 \
		--generate-hashes --no-emit-index-url --no-header --output-file requirements.lock

clean:  ## Delete .venv and the scratch folder, nothing else
	rm -rf .venv .scratch
