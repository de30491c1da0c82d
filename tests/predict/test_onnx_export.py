"""A model without ONNX file: exported on first use, once, and never in part."""

import json
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from torch import nn

from deepfake import Detector
from deepfake.base.errors import ModelError
from deepfake.model.card import CARD, ONNX, WEIGHTS
from deepfake.model.operating_points import MEASURED
from deepfake.predict import loading, onnx_export
from deepfake.predict.onnx_export import exported_file

RATES = '{"operating_points": {}}'  # of a model that was not measured

pytestmark = pytest.mark.slow


@pytest.fixture
def model(random_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model folder without ONNX file, and an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Path(shutil.copytree(random_model, tmp_path / "model"))


def test_a_model_is_exported_once(
    model: Path, detector: Detector, demo_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = demo_root / "real/orl01_1.mp4"
    (model / MEASURED).write_text(RATES)
    loaded = Detector.load(model, detector.preprocessor, "onnx")
    assert loaded.predict(clip).score == pytest.approx(detector.predict(clip).score, abs=1e-4)
    (note,) = [one for one in loaded.notes if "was exported to" in one]
    copy = Path(note.rpartition(" ")[2])
    assert (copy.name, copy.with_name(MEASURED).read_text()) == (ONNX, RATES)
    assert loaded.model.sha256 == detector.model.sha256, "the weights are the same"
    monkeypatch.setattr(onnx_export, "_export", None)  # it would fail
    with exported_file(str(model)) as (path, weights):
        assert (path, weights) == (copy, model / WEIGHTS)
    card = (model / CARD).read_text()
    (model / CARD).write_text(f"{card} ")
    with pytest.raises(TypeError), exported_file(str(model)):
        pass  # another card is another model


def test_auto_gives_the_scores_of_torch_and_falls_back_to_it(
    model: Path, detector: Detector, demo_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "has_accelerator", lambda: False)
    clip = demo_root / "real/orl01_1.mp4"
    fast, expected = Detector.load(model, detector.preprocessor, "auto"), detector.predict(clip)
    found = fast.predict(clip)
    assert found.score == pytest.approx(expected.score, abs=1e-4)
    assert found.model == replace(expected.model, name=model.name), "whatever runs it"
    with pytest.raises(ModelError, match="heat maps and reports need runtime torch"):
        _ = fast.network

    exported = next(model.parent.rglob(ONNX))
    shutil.copy(exported, model / ONNX)
    card = json.loads((model / CARD).read_text())
    (model / CARD).write_text(json.dumps({**card, "temperature": 2.0}))
    stale = Detector.load(model, detector.preprocessor, "auto")
    assert f"{ONNX} is of another model than" in stale.notes[0]
    assert isinstance(stale.network, nn.Module)
    (model / ONNX).unlink()
    monkeypatch.setattr(onnx_export, "user_cache", lambda: model / CARD)
    unwritable = Detector.load(model, detector.preprocessor, "auto")
    assert "set XDG_CACHE_HOME" in unwritable.notes[0]
    monkeypatch.setattr(loading, "has_accelerator", lambda: True)
    assert isinstance(Detector.load(model, detector.preprocessor, "auto").network, nn.Module)


def test_two_processes_at_once_and_one_that_is_killed(
    model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(onnx_export, "_export", lambda _: b"onnx" * 1000)

    def export() -> bytes:
        with exported_file(str(model)) as (path, _):
            return path.read_bytes()

    with ThreadPoolExecutor(4) as threads:
        futures = [threads.submit(export) for _ in range(8)]
    assert {future.result() for future in futures} == {b"onnx" * 1000}
    shutil.rmtree(tmp_path / "cache")

    def killed(_: Path) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(onnx_export, "_export", killed)
    with pytest.raises(KeyboardInterrupt):
        export()
    assert list((tmp_path / "cache").rglob("*.onnx")) == []


def test_errors_name_the_remedy(
    model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "deepfake.model.export", None)  # as without torch
        with (
            pytest.raises(ModelError, match="is needed: run `deepfake predict --runtime onnx`"),
            exported_file(str(model)),
        ):
            pass
    monkeypatch.setattr(onnx_export, "_export", lambda _: b"onnx")
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(ModelError, match="set XDG_CACHE_HOME"), exported_file(str(model)):
        pass
    (model / WEIGHTS).unlink()
    with exported_file(str(model)) as (path, _):
        assert path == model / ONNX, "missing, which loading it says"
