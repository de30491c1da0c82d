"""Heat maps: shape and range, cases with a known result, and a sanity check with random weights."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import Tensor, nn

from deepfake.core import archive
from deepfake.core.image import Image, decode_image, encode_jpeg
from deepfake.faces.cropping import crop_face
from deepfake.faces.detection import find_faces
from deepfake.model.heat_maps import Heat, blend_heat_map, heat_maps
from deepfake.model.inputs import to_tensor
from deepfake.model.network import CosineHead, MirroredResNet, build_model, load_model
from deepfake.transforms.evaluation import evaluation_transform

SIZE = 112  # pixels of the network's input

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def network(repository: Path) -> MirroredResNet:
    """The repository's ImageNet weights, with an untrained head."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(repository)
        torch.manual_seed(0)
        return build_model("pretrained/resnet18_imagenet.safetensors").eval()


@pytest.fixture(scope="module")
def crops(astronaut: Image) -> list[bytes]:
    """A real face: as it is, mirrored, with a wider margin, and darker."""
    (face,) = find_faces(astronaut, "yunet", 640, 0.8, 0.05)
    close, wide = (crop_face(astronaut, face, margin, 160) for margin in (1.3, 2.5))
    pictures = [close, close[:, ::-1], wide, (close * 0.5).astype(np.uint8)]
    return [encode_jpeg(np.ascontiguousarray(one), 95, "yuv444") for one in pictures]


def with_head(network: MirroredResNet, weight: float) -> MirroredResNet:
    """A copy whose logit is `weight` times the sum of the pooled features."""
    changed = copy.deepcopy(network)
    nn.init.constant_(changed.fc.weight, weight)  # type: ignore[union-attr, arg-type]
    return changed


def test_a_map_is_of_the_crop_and_not_of_its_mirror_image(
    network: MirroredResNet, crops: list[bytes]
) -> None:
    both = copy.deepcopy(network)
    both.mirror = True
    expected = heat_maps(network, crops[:1], SIZE)
    np.testing.assert_array_equal(heat_maps(both, crops[:1], SIZE), expected)


def test_maps_have_the_size_of_their_crops_and_lie_between_0_and_1(
    network: MirroredResNet, crops: list[bytes]
) -> None:
    small = encode_jpeg(np.zeros((30, 50, 3), np.uint8), 95, "yuv444")
    maps = heat_maps(network, [*crops, small], SIZE)
    assert [one.shape for one in maps] == [(160, 160)] * 4 + [(30, 50)]
    assert all(one.min() >= 0 and one.max() <= 1 for one in maps)
    assert not any(p.grad is not None for p in network.parameters()), "no gradients remain"


def test_no_crops_give_no_maps(network: MirroredResNet) -> None:
    assert heat_maps(network, [], SIZE) == []


def test_a_broken_crop_is_an_error(network: MirroredResNet) -> None:
    with pytest.raises(ValueError, match="not an image"):
        heat_maps(network, [b"no jpeg"], SIZE)


def test_map_is_empty_if_no_region_raises_the_logit(
    network: MirroredResNet, crops: list[bytes]
) -> None:
    assert not np.any(heat_maps(with_head(network, -1.0), crops, SIZE))


def test_map_for_equal_weights_is_the_sum_of_the_features(
    network: MirroredResNet, crops: list[bytes]
) -> None:
    """Grad-CAM of the sum of all features is their sum at each position, up to a factor."""
    found: list[Tensor] = []
    changed = with_head(network, 1.0)
    handle = changed.layer4.register_forward_hook(lambda *args: found.append(args[2]))  # type: ignore[union-attr, operator]
    batch = torch.stack(
        [evaluation_transform(SIZE)(to_tensor(decode_image(data))) for data in crops]
    )
    with torch.inference_mode():
        changed(batch)
    handle.remove()
    for heat, features in zip(heat_maps(changed, crops, SIZE), found[0], strict=True):
        total = features.sum(0)
        place = int(total.argmax()) // 4, int(total.argmax()) % 4
        hottest = np.unravel_index(heat.argmax(), heat.shape)
        assert tuple(int(value) // 40 for value in hottest) == place


def test_a_cosine_head_has_maps(network: MirroredResNet, crops: list[bytes]) -> None:
    changed = copy.deepcopy(network)
    torch.manual_seed(0)
    changed.fc = CosineHead(512)
    maps = heat_maps(changed, crops, SIZE)
    assert [one.shape for one in maps] == [(160, 160)] * 4
    assert any(one.any() for one in maps)
    assert all(one.min() >= 0 and one.max() <= 1 for one in maps)


def similarity(maps: list[Heat], others: list[Heat]) -> float:
    """Mean rank correlation of the nonempty maps with the others; 0 for an empty other."""
    pairs = [(a.ravel(), b.ravel()) for a, b in zip(maps, others, strict=True) if a.any()]
    return float(np.mean([spearmanr(a, b)[0] if b.any() else 0 for a, b in pairs]))


@pytest.mark.slow
@pytest.mark.parametrize("parts", [["fc"], ["fc", "layer4"], ["fc", "layer4", "layer3"]])
def test_randomised_weights_change_the_map_of_the_trained_model(
    trained: Path, parts: list[str]
) -> None:
    """An unchanged map would depend on the image, not on the model (Adebayo et al., 2018)."""
    network, card = load_model(trained / "models")
    fakes = sorted((trained / "data/crops").rglob("fake/**/*.tar"))[::8]
    images = [data for path in fakes for data in list(archive.read(path).images.values())[:1]]
    maps = heat_maps(network, images, card.image_size)
    assert sum(heat.any() for heat in maps) > len(maps) / 2
    assert similarity(maps, heat_maps(network, images, card.image_size)) == pytest.approx(1)
    found = []
    for seed in range(3):
        changed = randomised(network, parts, seed)
        found.append(similarity(maps, heat_maps(changed, images, card.image_size)))
    assert np.mean(found) < 0.6


def randomised(network: MirroredResNet, parts: list[str], seed: int) -> MirroredResNet:
    """A copy with new random weights in the named parts, of the same standard deviation."""
    torch.manual_seed(seed)
    changed = copy.deepcopy(network)
    layers = [layer for name in parts for layer in changed.get_submodule(name).modules()]
    for layer in layers:
        if isinstance(layer, (nn.Conv2d, nn.Linear, CosineHead)):
            nn.init.normal_(layer.weight, std=float(layer.weight.detach().std()))
    return changed


def test_blending_leaves_cold_regions_unchanged(crops: list[bytes]) -> None:
    image = decode_image(crops[0])
    heat = np.zeros(image.shape[:2], np.float32)
    assert np.array_equal(blend_heat_map(image, heat), image)
    heat[:80] = 1
    blended = blend_heat_map(image, heat)
    assert np.array_equal(blended[80:], image[80:])
    assert np.abs(blended[:80].astype(int) - image[:80]).mean() > 20
