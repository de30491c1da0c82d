"""Where the network looked: heat maps over crops.

A heat map shows which regions raised the FAKE logit. It is no proof that they were manipulated: the
last layer sees the face through a coarse grid, the network may look at the right place for a wrong
reason, and a map looks just as convincing when the verdict is wrong (Adebayo et al., NeurIPS 2018).
"""

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from deepfake.core.image import Image, decode_image
from deepfake.model.inputs import to_tensor
from deepfake.transforms.evaluation import evaluation

Heat = NDArray[np.float32]  # height x width, 0..1
STRENGTH = 0.6  # of the colours where the heat is 1


def heat_maps(
    network: nn.Module, images: Sequence[bytes], image_size: int, device: torch.device | str = "cpu"
) -> list[Heat]:
    """Grad-CAM of the FAKE logit at the last convolutions (Selvaraju et al., ICCV 2017).

    Args:
        network: a ResNet as `model.build_model` makes it.
        images: JPEG crops.
        image_size: side of the network's input in pixels.
        device: where the network is.

    Returns:
        One map per crop in the crop's size, the highest value of each being 1: maps of different
        crops cannot be compared. A map is all 0 where no region raises the logit.
    """
    from captum.attr import LayerGradCam

    if not images:
        return []
    crops = [to_tensor(decode_image(data)) for data in images]
    preset = evaluation(image_size)
    batch = torch.stack([preset(crop) for crop in crops]).to(device)
    network.eval()
    method = LayerGradCam(lambda inputs: network(inputs).squeeze(1), network.layer4)
    found = method.attribute(batch, relu_attributions=True).detach().float().cpu().numpy()[:, 0]
    return [_sized(heat, crop.shape[-2:]) for heat, crop in zip(found, crops, strict=True)]


def _sized(heat: NDArray[np.float32], size: Sequence[int]) -> Heat:
    highest = float(heat.max())
    scaled = heat / highest if highest > 0 else np.zeros_like(heat)
    height, width = size
    grown = cv2.resize(scaled, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(grown, 0, 1), np.float32)


def overlay(image: Image, heat: Heat) -> Image:
    """The image with its heat map laid over it, the more opaque the hotter.

    Args:
        image: height x width x 3, RGB.
        heat: as `heat_maps` gives it, in the size of the image.
    """
    levels = (255 * heat).astype(np.uint8)
    colors = cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    weight = STRENGTH * heat[..., None]
    return np.asarray((1 - weight) * image + weight * colors, np.uint8)
