"""Tests of base/numerics.py: what is set, when, and that other processors compute the same bytes."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.crossing import EMULATOR, differing_blocks
from deepfake.base.code import code_version
from deepfake.base.numerics import ANYWHERE, SETTINGS, VARIABLE
from deepfake.core import sampling
from tests.same_metrics import unequal

TOP = Path(__file__).parents[2]
SET = "import json, os, sys, pathlib; from deepfake.base.numerics import fix_numerics;"
FIX = f"{SET} fix_numerics(pathlib.Path(sys.argv[1])); print(json.dumps([*sys.modules] and dict(os.environ)))"
EMULATED_BLOCKS = (  # those that are fast in an emulator, of each library
    *("convolution layer2.0", "convolution layer2.downsample", "batch norm", "pooling", "linear"),
    *("adamw", "torch functions", "torch random", "numpy functions", "numpy matrices"),
    *("numpy random", "opencv resize", "opencv warp", "opencv filters", "opencv colours"),
    *("opencv clone", "jpeg", "h264 clip", "h264 degradation", "face boxes"),
)


def environment_of(code: str, *arguments: str, **variables: str) -> dict[str, str]:
    """The environment that a Python program prints."""
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(
        command, cwd=TOP, env={**os.environ, **variables}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize("text", ["numerics: machine", "", "[]", "numerics: [", None])
def test_only_anywhere_changes_the_environment(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "params.yaml"
    if text is not None:
        path.write_text(text)
    found = environment_of(FIX, str(path), OMP_NUM_THREADS="7", OPENBLAS_L2_SIZE="512")
    assert (found["OMP_NUM_THREADS"], found["OPENBLAS_L2_SIZE"]) == ("7", "512")
    assert VARIABLE not in found


def test_anywhere_overrides_what_the_shell_sets(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("numerics: anywhere")
    given = {"OMP_NUM_THREADS": "7", "OPENBLAS_L2_SIZE": "512", "OPENBLAS_CORETYPE": "Zen"}
    found = environment_of(FIX, str(tmp_path / "params.yaml"), **given)
    assert found.items() >= {**SETTINGS, VARIABLE: ANYWHERE}.items()
    assert "OPENBLAS_L2_SIZE" not in found


def test_a_process_that_has_loaded_numpy_keeps_its_settings(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("numerics: anywhere")
    path = str(tmp_path / "params.yaml")
    assert VARIABLE not in environment_of(f"import numpy; {FIX}", path)


def test_a_stage_is_set_before_it_loads_a_library() -> None:
    """By params.yaml of this repository, which is that of the demo."""
    code = "import stages, json, os, sys; assert 'numpy' not in sys.modules;"
    found = environment_of(f"{code} print(json.dumps(dict(os.environ)))", OMP_NUM_THREADS="7")
    assert found.items() >= SETTINGS.items()


def test_results_of_the_two_are_not_mixed_in_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = code_version(sampling.evenly_spaced)
    monkeypatch.setenv(VARIABLE, ANYWHERE)
    assert code_version(sampling.evenly_spaced) != machine


@pytest.mark.slow
@pytest.mark.parametrize("processor", ["Haswell", "EPYC"])
def test_other_processors_compute_the_same_bytes(processor: str) -> None:
    if shutil.which(EMULATOR) is None:
        pytest.skip(f"{EMULATOR} emulates other processors: apt-get install qemu-user")
    assert differing_blocks(EMULATED_BLOCKS, processor) == []


def test_outputs_that_differ_are_named() -> None:
    lock = "stages: {{train: {{outs: [{{path: models/a, md5: {}}}]}}, card: {{}}}}"
    assert unequal(lock.format("1"), lock.format("1")) == []
    assert unequal(lock.format("1"), lock.format("2")) == ["train: models/a"]
    assert unequal(lock.format("1"), lock.format("2"), {"models/a"}) == []
    assert unequal(lock.format("1"), "stages: {}") == ["train: models/a"]
