"""ONNX files that are damaged, or not a model of this version, are errors."""

import json
from pathlib import Path
from typing import Any

import onnx
import pytest

from deepfake.base.errors import ModelError
from deepfake.model.card import read_card
from deepfake.model.onnx_model import CARD_KEY, OnnxModel, load_onnx

pytestmark = pytest.mark.slow


def test_the_file_holds_its_card(random_model: Path, portable: Path) -> None:
    assert load_onnx(portable).card == read_card(random_model)


@pytest.mark.parametrize("content", [b"", b"no ONNX", None], ids=["empty", "other", "cut short"])
def test_a_damaged_file_is_named(portable: Path, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "mine.onnx"
    path.write_bytes(portable.read_bytes()[:-1000] if content is None else content)
    with pytest.raises(ModelError, match=r"mine\.onnx is not a readable ONNX file"):
        load_onnx(path)


def test_a_missing_file_is_named_with_the_command_to_run(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"model\.onnx cannot be read .*`dvc repro export`"):
        load_onnx(tmp_path / "model.onnx")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (None, r"no model card of this version \(Expecting value"),
        ({"unheard_of": 1}, r"no model card of this version \(.*unheard_of"),
        ({"architecture": "vit"}, r"no model card .*architecture vit, not resnet18"),
        ({"image_size": 224}, r"does not fit its card \(.*112.* not .*224"),
    ],
    ids=["no card", "new key", "architecture", "size"],
)
def test_a_card_that_does_not_fit_is_named(
    portable: Path, change: dict[str, Any] | None, complaint: str
) -> None:
    model = onnx.load(portable)
    (entry,) = model.metadata_props
    if change is None:
        entry.key = "other"
    else:
        entry.value = json.dumps(json.loads(entry.value) | change)
    with pytest.raises(ModelError, match=f"mine.onnx:? {complaint}"):
        OnnxModel(model.SerializeToString(), "mine.onnx")


@pytest.mark.parametrize("change", ["name", "type", "batch"])
def test_a_graph_with_another_input_or_output_is_an_error(portable: Path, change: str) -> None:
    card = {entry.key: entry.value for entry in onnx.load(portable).metadata_props}[CARD_KEY]
    kind = onnx.TensorProto.FLOAT if change == "type" else onnx.TensorProto.UINT8
    shape = [1 if change == "batch" else "batch", 3, 112, 112]
    name = "images" if change == "name" else "crops"
    given = onnx.helper.make_tensor_value_info(name, kind, shape)
    made = onnx.helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, shape[:1])
    nodes = [
        onnx.helper.make_node("Cast", [name], ["floats"], to=onnx.TensorProto.FLOAT),
        onnx.helper.make_node("ReduceMean", ["floats", "axes"], ["logits"], keepdims=0),
    ]
    axes = onnx.helper.make_tensor("axes", onnx.TensorProto.INT64, [3], [1, 2, 3])
    graph = onnx.helper.make_graph(nodes, "other", [given], [made], [axes])
    opset = [onnx.helper.make_opsetid("", 20)]
    model = onnx.helper.make_model(graph, opset_imports=opset, ir_version=10)
    model.metadata_props.add(key=CARD_KEY, value=card)
    with pytest.raises(ModelError, match="does not fit its card"):
        OnnxModel(model.SerializeToString())
