"""Export to ONNX: model, crops -> models/model.onnx, metrics/export.json, plots/export.tsv."""

from pathlib import Path

from deepfake.base.stage import report_errors
from deepfake.core.files import write_bytes, write_metrics
from deepfake.core.tables import quantity_table, read_csv, write_csv
from deepfake.model.export import check_parity, sample_crops, to_onnx
from deepfake.model.network import load_model
from deepfake.model.onnx_model import OnnxModel
from deepfake.params.loading import load_params
from deepfake.params.schema import Params


def main(_: Params) -> None:
    """Export the model, and check that its logits on real crops equal those of torch."""
    network, card = load_model(Path("models"))
    data = to_onnx(network, card)
    images = sample_crops(read_csv(Path("data/crops.csv")), Path("data/crops"))
    difference = check_parity(network, card, OnnxModel(data), images)
    print(f"logits of torch and ONNX differ by at most {difference:.1e} on {len(images)} crops")
    write_bytes(Path("models/model.onnx"), data)
    metrics = {"largest_difference_millionths": round(difference * 1e6)}
    write_metrics(Path("metrics/export.json"), metrics)
    details = quantity_table({**metrics, "crops": len(images), "bytes": len(data)})
    write_csv(Path("plots/export.tsv"), details)


if __name__ == "__main__":
    with report_errors():
        main(load_params())
