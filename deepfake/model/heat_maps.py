"""Heat maps: which regions of a crop raise the FAKE logit.

A heat map does not prove that a region was manipulated. The last layer has a coarse grid, the
network may use the right region for a wrong reason, and a map looks just as convincing if the
verdict is wrong (Adebayo et al., NeurIPS 2018).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from deepfake.core.image import Image, decode_image

if TYPE_CHECKING:
    import torch

    from deepfake.model.network import MirroredResNet

Heat = NDArray[np.float32]  # height x width, 0..1
MAX_OPACITY = 0.6  # of the colours where the heat is 1


def heat_maps(
    network: "MirroredResNet",
    images: Sequence[bytes],
    image_size: int,
    device: "torch.device | str" = "cpu",
) -> list[Heat]:
    """Grad-CAM of the FAKE logit at the last convolutional stage (Selvaraju et al., ICCV 2017).

    Args:
        network: as returned by `network.build_model`. Its view of the crop alone counts, not that of
            the mirror image.
        images: JPEG crops.
        image_size: side of the network's input in pixels.
        device: of the network.

    Returns:
        One map per crop, in the crop's size. The highest value of each map is 1, so maps of
        different crops cannot be compared. A map is all 0 if no region raises the logit.
    """
    import torch  # the service loads this module without torch
    from captum.attr import LayerGradCam

    from deepfake.model.inputs import to_tensor
    from deepfake.transforms.evaluation import evaluation_transform

    if not images:
        return []
    crops = [to_tensor(decode_image(data)) for data in images]
    preset = evaluation_transform(image_size)
    batch = torch.stack([preset(crop) for crop in crops]).to(device)
    network.eval()
    method = LayerGradCam(lambda inputs: network.one_view(inputs).squeeze(1), network.layer4)
    attributions = method.attribute(batch, relu_attributions=True)
    heats = attributions.detach().float().cpu().numpy()[:, 0]
    return [_resized(heat, crop.shape[-2:]) for heat, crop in zip(heats, crops, strict=True)]


def _resized(heat: NDArray[np.float32], size: Sequence[int]) -> Heat:
    """The map scaled to a highest value of 1, in the given height and width."""
    highest = float(heat.max())
    scaled = heat / highest if highest > 0 else np.zeros_like(heat)
    height, width = size
    resized = cv2.resize(scaled, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(resized, 0, 1), np.float32)


def blend_heat_map(image: Image, heat: Heat) -> Image:
    """The image blended with the colours of its heat map, more opaque where it is hotter.

    Args:
        image: height x width x 3, RGB.
        heat: as returned by `heat_maps`, in the size of the image.
    """
    levels = (255 * heat).astype(np.uint8)
    colors = cv2.cvtColor(cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    opacity = MAX_OPACITY * heat[..., None]
    return np.asarray((1 - opacity) * image + opacity * colors, np.uint8)
