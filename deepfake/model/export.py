"""Make the portable model, and see that it gives the same logits."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from deepfake.base.errors import ModelError
from deepfake.model.card import ModelCard
from deepfake.model.inputs import stored_images
from deepfake.model.onnx_model import ANY, CARD_KEY, INPUT, OUTPUT, OnnxModel, halves
from deepfake.model.scores import predict_logits

TOLERANCE = 1e-4  # between logits of the same crop
# Of the largest logit, where it is above 10, as of a network that has run wild: 32 bits round a logit of
# 1500 by 0.0025, in both runtimes.
RELATIVE_TOLERANCE = 1e-5
CROPS = 256  # to compare


def to_onnx(network: nn.Module, card: ModelCard) -> bytes:
    """The network as one ONNX file, which takes crops in its size and any number of them.

    In it are the normalisation, the weights, and the card as JSON. The same model gives the same
    bytes, without paths of this machine.

    Args:
        network: as `model.load_model` gives it.
        card: of the model.
    """
    _, rest = halves(card.image_size)
    whole = nn.Sequential(*rest, network, nn.Flatten(0)).eval()
    example = torch.zeros(2, 3, card.image_size, card.image_size, dtype=torch.uint8)
    program: Any = torch.onnx.export(
        whole,
        (example,),
        input_names=[INPUT],
        output_names=[OUTPUT],
        dynamic_shapes=({0: ANY},),
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    found = program.model_proto
    graph = found.graph
    parts = (graph.node, graph.input, graph.output, graph.initializer, graph.value_info)
    for part in (graph, *(one for many in parts for one in many)):
        part.ClearField("metadata_props")  # where in the code it came from
    found.metadata_props.add(key=CARD_KEY, value=json.dumps(asdict(card)))
    data: bytes = found.SerializeToString(deterministic=True)
    return data


def sample_crops(crops: pd.DataFrame, folder: Path) -> Sequence[bytes]:
    """At most `CROPS` JPEGs, evenly spread over data/crops.csv, from the archives in `folder`."""
    count = min(CROPS, len(crops))
    return stored_images(folder, crops.iloc[[i * len(crops) // count for i in range(count)]])


def check_parity(
    network: nn.Module, card: ModelCard, exported: OnnxModel, images: Sequence[bytes]
) -> float:
    """The largest difference between the logits of the two on the same crops.

    Raises:
        ModelError: it is above `TOLERANCE` and, relative to the largest logit, `RELATIVE_TOLERANCE`.
    """
    expected = predict_logits(network, images, card.image_size)
    largest = float(np.max(np.abs(exported.logits(images) - expected)))
    allowed = max(TOLERANCE, RELATIVE_TOLERANCE * float(np.max(np.abs(expected))))
    if not largest <= allowed:  # it may be NaN
        raise ModelError(
            f"the exported model's logits differ from torch's by up to {largest:.2g},"
            f" {allowed:.2g} is allowed: the versions of torch, onnxscript and onnxruntime do not go"
            " together, see requirements.lock"
        )
    return largest
