"""Logits of crops, by torch; `onnx_model` gives those of ONNX Runtime."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from deepfake.core.image import decode_image
from deepfake.core.labels import Floats
from deepfake.model.inputs import to_tensor
from deepfake.model.onnx_model import BATCH_SIZE
from deepfake.transforms.evaluation import evaluation_transform


def predict_logits(
    network: nn.Module, images: Sequence[bytes], image_size: int, device: torch.device | str = "cpu"
) -> Floats:
    """One logit per JPEG crop (higher = more likely FAKE); leaves the network in eval mode."""
    preset = evaluation_transform(image_size)
    network.eval()
    logits: list[Tensor] = []
    with torch.inference_mode():
        for start in range(0, len(images), BATCH_SIZE):
            decoded = (decode_image(data) for data in images[start : start + BATCH_SIZE])
            crops = torch.stack([preset(to_tensor(image)) for image in decoded])
            batch = crops.to(device, memory_format=torch.channels_last)
            logits.append(network(batch).squeeze(1).float().cpu())
    return torch.cat(logits).double().numpy() if logits else np.zeros(0)
