"""The exported model gives torch's logits for any number of crops, or the check fails."""

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from torch import nn

from deepfake.base.errors import ModelError
from deepfake.core import archive
from deepfake.core.image import encode_jpeg
from deepfake.core.tables import read_csv
from deepfake.model import export
from deepfake.model.logits import predict_logits
from deepfake.model.network import build_model, load_model
from deepfake.model.onnx_model import BATCH_SIZE, OnnxModel, load_onnx

SIDES = (160, 112, 90, 211)  # of crops in pixels; the network takes 112


@pytest.fixture(scope="module")
def crops() -> list[bytes]:
    """Noise images of several sizes."""
    rng = np.random.default_rng(0)
    sides = [SIDES[number % len(SIDES)] for number in range(BATCH_SIZE + 3)]
    images = [rng.integers(0, 256, (side, side, 3), np.uint8) for side in sides]
    return [encode_jpeg(image, 95, "yuv444") for image in images]


@pytest.mark.slow
@pytest.mark.parametrize("count", [0, 1, 5, BATCH_SIZE + 3])
def test_any_number_of_crops_has_the_logits_of_torch(
    random_model: Path, portable: Path, crops: list[bytes], count: int
) -> None:
    network, card = load_model(random_model)
    found = load_onnx(portable).logits(crops[:count])
    assert found.dtype == np.float64
    assert found == pytest.approx(predict_logits(network, crops[:count], card.image_size), abs=1e-4)


@pytest.mark.slow
def test_the_trained_model_agrees_on_real_crops(trained: Path) -> None:
    network, card = load_model(trained / "models")
    images = export.sample_crops(read_csv(trained / "data/crops.csv"), trained / "data/crops")
    assert len(images) >= 100
    exported = load_onnx(trained / "models/model.onnx")
    assert exported.card == card
    assert export.check_parity(network, card, exported, images) <= export.TOLERANCE


@pytest.mark.slow
def test_the_same_model_gives_the_same_bytes_without_paths(
    random_model: Path, portable: Path, repository: Path
) -> None:
    data = export.to_onnx(*load_model(random_model))
    assert data == portable.read_bytes()
    for words in (str(repository), str(Path.home()), "site-packages", ".py"):
        assert words.encode() not in data


@pytest.mark.slow
@pytest.mark.parametrize("shift", [0.001, float("nan")])
def test_different_logits_are_an_error(
    random_model: Path, portable: Path, crops: list[bytes], shift: float
) -> None:
    network, card = load_model(random_model)
    changed = copy.deepcopy(network)
    assert isinstance(changed.fc, nn.Linear)
    changed.fc.bias.data += shift
    exported = OnnxModel(portable.read_bytes())
    export.check_parity(network, card, exported, crops[:4])
    with pytest.raises(
        ModelError, match=r"differ from torch's by up to (0\.001|nan) \(allowed: (0\.0001|nan)\)"
    ):
        export.check_parity(changed, card, exported, crops[:4])


@pytest.mark.slow
def test_rounding_of_huge_logits_is_allowed(random_model: Path, crops: list[bytes]) -> None:
    network, card = load_model(random_model)
    changed = copy.deepcopy(network)
    assert isinstance(changed.fc, nn.Linear)
    changed.fc.weight.data *= 1e5
    exported = OnnxModel(export.to_onnx(changed, card))
    assert export.check_parity(changed, card, exported, crops[:4]) > export.TOLERANCE
    changed.fc.weight.data *= 1.001
    with pytest.raises(ModelError, match="differ from torch's"):
        export.check_parity(changed, card, exported, crops[:4])


@pytest.mark.slow
def test_a_cosine_head_and_mirror_images_are_exported(
    random_model: Path, crops: list[bytes]
) -> None:
    card = replace(load_model(random_model)[1], head="cosine", mirror=True)
    network = build_model("random", "cosine", mirror=True).eval()
    exported = OnnxModel(export.to_onnx(network, card))
    assert exported.card == card
    assert export.check_parity(network, card, exported, crops[:4]) <= export.TOLERANCE


@pytest.mark.parametrize(("most", "expected"), [(2, [b"0", b"2"]), (9, [b"0", b"1", b"2", b"3"])])
def test_crops_are_sampled_evenly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, expected: list[bytes]
) -> None:
    table = pd.DataFrame({"video_id": ["a", "a", "b", "b"], "image": ["0", "1", "2", "3"]})
    for video_id, part in table.groupby("video_id"):
        images = {name: name.encode() for name in part["image"]}
        archive.write(tmp_path, str(video_id), archive.pack({"status": "ok"}, images))
    monkeypatch.setattr(export, "PARITY_CROPS", most)
    assert list(export.sample_crops(table, tmp_path)) == expected
