"""Export to ONNX, and the check that the exported model gives the same logits."""

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
from deepfake.model.logits import predict_logits
from deepfake.model.onnx_model import (
    BATCH_DIMENSION,
    CARD_KEY,
    INPUT,
    OUTPUT,
    OnnxModel,
)
from deepfake.transforms.evaluation import Normalise

TOLERANCE = 1e-4  # between logits of the same crop
# Relative to the largest logit, if that is above 10, as after training that diverged: 32-bit floats
# differ by 0.0025 at a logit of 1500, in both runtimes.
RELATIVE_TOLERANCE = 1e-5
PARITY_CROPS = 256  # compared at most


def to_onnx(network: nn.Module, card: ModelCard) -> bytes:
    """The network as an ONNX file, for any number of crops in its input size.

    The file contains the normalisation, the weights, and the card as JSON. The same model gives the
    same bytes, without paths of this machine.

    Args:
        network: as returned by `network.load_model`.
        card: of the model.
    """
    whole = nn.Sequential(Normalise(), network, nn.Flatten(0)).eval()
    example = torch.zeros(2, 3, card.image_size, card.image_size, dtype=torch.uint8)
    program: Any = torch.onnx.export(
        whole,
        (example,),
        input_names=[INPUT],
        output_names=[OUTPUT],
        dynamic_shapes=({0: BATCH_DIMENSION},),
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    model = program.model_proto
    graph = model.graph
    lists = (graph.node, graph.input, graph.output, graph.initializer, graph.value_info)
    for element in (graph, *(element for elements in lists for element in elements)):
        element.ClearField("metadata_props")  # stack traces, with paths
    model.metadata_props.add(key=CARD_KEY, value=json.dumps(asdict(card)))
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def sample_crops(crops: pd.DataFrame, folder: Path) -> Sequence[bytes]:
    """At most `PARITY_CROPS` JPEGs from `folder`, evenly spread over the rows of data/crops.csv."""
    count = min(PARITY_CROPS, len(crops))
    return stored_images(folder, crops.iloc[[i * len(crops) // count for i in range(count)]])


def check_parity(
    network: nn.Module, card: ModelCard, exported: OnnxModel, images: Sequence[bytes]
) -> float:
    """The largest difference between the logits of the network and the exported model.

    Raises:
        ModelError: the difference is above `TOLERANCE`, and above `RELATIVE_TOLERANCE` times the
            largest logit.
    """
    expected = predict_logits(network, images, card.image_size)
    largest = float(np.max(np.abs(exported.logits(images) - expected)))
    allowed = max(TOLERANCE, RELATIVE_TOLERANCE * float(np.max(np.abs(expected))))
    if not largest <= allowed:  # it may be NaN
        raise ModelError(
            f"the exported model's logits differ from torch's by up to {largest:.2g} (allowed:"
            f" {allowed:.2g}): the versions of torch, onnxscript and onnxruntime are incompatible,"
            " install those of requirements.lock"
        )
    return largest
