# `make` alone lists the commands.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3.10 || command -v python3)
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help setup repro pull push test lint review gate lock clean

help:  ## List the commands
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

setup: $(READY)  ## Create .venv with the pinned packages

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(None if (3, 10) <= sys.version_info < (3, 14) else \
		"Python 3.10 to 3.13 is needed, this is " + sys.version.split()[0] + \
		": make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --no-deps --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --no-deps --no-build-isolation -e .
	@touch $@

repro: $(READY)  ## Run what has changed in the whole pipeline
	@$(BIN)/python -m deepfake.params.loading  # DVC would not say what is wrong with a value
	$(BIN)/dvc repro

pull: $(READY)  ## Get the model and other outputs from the default remote, or only OUTS
	@$(BIN)/python -m deepfake.sharing.pull $(OUTS)

push: $(READY)  ## Put outputs and run cache into the default remote
	@$(BIN)/python -m deepfake.sharing.push

test: $(READY)  ## Run the tests
	$(BIN)/pytest -n 2 --dist loadfile

lint: $(READY)  ## Check format, style and types
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy

review: $(READY)  ## Compare the results with those of BASE, by default where the branch left main
	@$(BIN)/deepfake review $(BASE)

gate: $(READY)  ## Check that the results may be merged into BASE
	@$(BIN)/deepfake gate $(BASE)

COMPILE := $(BIN)/uv pip compile --universal --python-version 3.10 --generate-hashes \
	--no-emit-index-url --no-header

lock: $(READY)  ## Resolve the lock files from pyproject.toml
	$(COMPILE) pyproject.toml --extra dev --output-file requirements.lock
	$(COMPILE) --group serve --constraint requirements.lock --output-file requirements-serve.lock

clean:  ## Delete .venv and the scratch folder, nothing else
	rm -rf .venv .scratch
