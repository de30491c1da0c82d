"""What a prediction imports: its start-up takes longer than its work."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from deepfake.core.image import Image, encode_jpeg

pytestmark = pytest.mark.slow

SERVICE = """
from deepfake.serving.api import create_app
from deepfake.serving.service import Service
from deepfake.serving.uploads import UploadLimits
service = Service.load(model, UploadLimits(megabytes=1, minutes=1, waiting=1), runtime)
create_app(service)
with open(photo, "rb") as file:
    assert service.predict(file, photo).score is not None
service.close()
"""
COMMAND = """
from deepfake.cli.app import app
try:
    app(["predict", photo, "--model", model, "--runtime", runtime, "--json"])
except SystemExit as ended:
    assert ended.code in (0, 3), ended.code
"""


@pytest.fixture(scope="module")
def photo(astronaut: Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photo") / "photo.jpg"
    path.write_bytes(encode_jpeg(astronaut, 95, "yuv444"))
    return path


def loaded(code: str, values: Sequence[object]) -> set[str]:
    """Top-level modules of a new process that has run `code` with photo, model and runtime."""
    given = f"import sys\nphoto, model, runtime = {[*map(str, values)]!r}"
    report = "print(*{name.partition('.')[0] for name in sys.modules})"
    command = [sys.executable, "-c", f"{given}\n{code}\n{report}"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {*done.stdout.splitlines()[-1].split()}


@pytest.mark.parametrize("code", [COMMAND, SERVICE], ids=["command", "service"])
def test_onnx_runtime_needs_no_torch(photo: Path, portable: Path, code: str) -> None:
    names = loaded(code, (photo, portable.parent, "onnx"))
    assert "onnxruntime" in names
    assert not names & {"torch", "torchvision", "captum", "sklearn", "matplotlib", "streamlit"}


def test_torch_needs_no_other_runtime(photo: Path, random_model: Path) -> None:
    names = loaded(COMMAND, (photo, random_model, "torch"))
    assert "torch" in names
    assert not names & {"onnxruntime", "captum", "sklearn", "matplotlib"}
