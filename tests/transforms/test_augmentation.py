"""Transforms: exact for evaluation, random but reproducible for training."""

import numpy as np
import pytest
import torch
from torch import Tensor

from deepfake.transforms import augmentation, evaluation


def noise(height: int, width: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (3, height, width), dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize("color", [(0, 0, 0), (255, 255, 255), (10, 128, 200)])
def test_evaluation_normalises_exactly(color: tuple[int, int, int]) -> None:
    image = torch.tensor(color, dtype=torch.uint8)[:, None, None].expand(3, 50, 40)
    found = evaluation.evaluation_transform(24)(image)
    assert found.shape == (3, 24, 24)
    assert found.dtype == torch.float32
    # Mean and deviation of ImageNet, as published with torchvision's weights.
    statistics = zip(color, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), strict=True)
    for channel, (value, mean, deviation) in zip(found, statistics, strict=True):
        expected = torch.full((24, 24), (value / 255 - mean) / deviation)
        torch.testing.assert_close(channel, expected, rtol=0, atol=1e-5)


def test_evaluation_does_not_resample_a_crop_of_the_right_size() -> None:
    image = noise(32, 32)
    mean, deviation = torch.tensor(evaluation.MEAN), torch.tensor(evaluation.STD)
    expected = (image / 255 - mean[:, None, None]) / deviation[:, None, None]
    torch.testing.assert_close(evaluation.evaluation_transform(32)(image), expected)


def test_evaluation_averages_when_it_reduces() -> None:
    """Black and white columns become grey, without aliasing."""
    image = torch.zeros(3, 64, 64, dtype=torch.uint8)
    image[:, :, ::2] = 255
    found = evaluation.evaluation_transform(16)(image)[0] * evaluation.STD[0] + evaluation.MEAN[0]
    assert (found[:, 1:-1] - 0.5).abs().max() < 0.06


@pytest.mark.parametrize("preset", sorted(augmentation.PRESETS))
@pytest.mark.parametrize(("size", "region", "side"), [(24, 1.0, 24), (40, 1.0, 40), (40, 0.7, 28)])
def test_training_returns_the_shape_of_the_region(
    preset: str, size: int, region: float, side: int
) -> None:
    transform = augmentation.training_transform(preset, size, region, 1.3)
    torch.manual_seed(0)
    for _ in range(20):
        found = transform(noise(36, 36))
        assert found.shape == (3, side, side)
        assert found.dtype == torch.uint8


@pytest.mark.parametrize(("preset", "outcomes"), [("none", 1), ("light", 5), ("strong", 5)])
def test_training_follows_the_seed(preset: str, outcomes: int) -> None:
    transform = augmentation.training_transform(preset, 24, 1.0, 1.3)

    def augmented(seed: int) -> Tensor:
        torch.manual_seed(seed)
        return transform(noise(32, 32))

    found = [augmented(seed) for seed in range(5)]
    for seed, image in enumerate(found):
        assert torch.equal(augmented(seed), image)
    different = [i for i, image in enumerate(found) if not any(map(image.equal, found[:i]))]
    assert len(different) == outcomes


def test_preset_none_equals_evaluation() -> None:
    """Normalising a batch equals normalising each of its crops."""
    images = [noise(50, 60), noise(30, 24)]
    crops = torch.stack(
        [augmentation.training_transform("none", 24, 1.0, 1.3)(image) for image in images]
    )
    expected = torch.stack([evaluation.evaluation_transform(24)(image) for image in images])
    assert torch.equal(evaluation.Normalise()(crops), expected)


@pytest.mark.parametrize("preset", ["none", "light"])
def test_a_region_has_the_scale_of_the_whole_crop(preset: str) -> None:
    """A ramp of 100 grey values over 100 pixels, resized to 50: a region of .5 has half of them."""
    ramp = torch.arange(100, dtype=torch.uint8).expand(3, 100, 100)
    transform = augmentation.training_transform(preset, 50, 0.5, 1.3)
    extents = []
    for seed in range(30):
        torch.manual_seed(seed)
        found = transform(ramp)[0]
        assert found.shape == (25, 25)
        extents.append(float(found.max()) - float(found.min()))
    assert 25 < np.median(extents) < 60  # light also changes the contrast


def test_unknown_preset() -> None:
    with pytest.raises(KeyError, match="heavy"):
        augmentation.training_transform("heavy", 24, 1.0, 1.3)


@pytest.mark.parametrize("margin", [1.0, 1.3, 2.0])
def test_cutout_covers_one_part_of_the_face(margin: float) -> None:
    """Eyes, nose or mouth, at the positions that the margin implies; nothing else changes."""
    cutout, white = (
        augmentation.FaceCutout(margin),
        torch.full((3, 200, 200), 255, dtype=torch.uint8),
    )
    torch.manual_seed(0)
    places = set()
    for _ in range(30):
        covered = (cutout(white) == 0).all(dim=0)
        rows, columns = (covered.any(dim=axis).nonzero().flatten() for axis in (1, 0))
        assert covered[rows][:, columns].all()
        middle = (float(rows.float().mean()) / 200 - 0.5) * margin + 0.5
        places.add(round(middle, 1))
        assert float(columns.float().mean()) == pytest.approx(99.5, abs=1)
        assert covered.float().mean() < 0.2 / margin**2
    assert places == {0.4, 0.5, 0.8}  # down the face's box
    assert (white == 255).all()


def test_downscale_removes_detail_and_keeps_the_size() -> None:
    torch.manual_seed(0)
    image = noise(40, 40)
    found = augmentation.Downscale(0.3)(image)
    assert found.shape == image.shape
    assert found.dtype == torch.uint8
    assert found.float().std() < 0.8 * image.float().std()
    assert found.float().mean() == pytest.approx(float(image.float().mean()), abs=2)


def test_noise_has_a_random_standard_deviation_up_to_the_largest() -> None:
    """On mid-grey, which noise of .1 does not clip; each channel has its own noise."""
    grey = torch.full((3, 200, 200), 128, dtype=torch.uint8)
    torch.manual_seed(0)
    found = [augmentation.Noise(0.1)(grey) for _ in range(40)]
    assert {image.dtype for image in found} == {torch.uint8}
    deviations = np.array([float((image / 255).std()) for image in found])
    assert 0 < deviations.min() < 0.02
    assert 0.08 < deviations.max() < 0.101
    assert torch.stack(found).float().mean() == pytest.approx(128, abs=0.1)
    assert not torch.equal(found[0][0], found[0][1])


def test_noise_stays_within_the_range() -> None:
    torch.manual_seed(0)
    black = torch.zeros(3, 40, 40, dtype=torch.uint8)
    assert augmentation.Noise(0.1)(black).float().mean() < 0.1 * 255


def test_video_codec_changes_a_crop_slightly() -> None:
    torch.manual_seed(0)
    ramp = torch.arange(0, 240, 5, dtype=torch.uint8)
    image = torch.stack(
        [ramp.expand(48, 48), ramp.expand(48, 48).T, torch.full((48, 48), 90)]
    ).byte()
    near, far = (augmentation.VideoCodec(crf, crf)(image).int() - image.int() for crf in (10, 45))
    assert 0 < near.abs().float().mean() < far.abs().float().mean() < 15


LEVERS = {
    "colour": (1.0, 0.0, 0.0, 0.0),
    "noise": (0.0, 1.0, 0.0, 0.0),
    "resampling": (0.0, 0.0, 1.0, 0.0),
    "recompression": (0.0, 0.0, 0.0, 1.0),
    "all": (1.0, 1.0, 1.0, 1.0),
}


@pytest.mark.parametrize("lever", LEVERS)
@pytest.mark.parametrize(("height", "width"), [(40, 40), (31, 17), (1, 1)])
def test_degradations_keep_shape_and_type_and_follow_the_seed(
    lever: str, height: int, width: int
) -> None:
    transform = augmentation.compose(augmentation.random_degradations(*LEVERS[lever]))

    def degraded(seed: int) -> Tensor:
        torch.manual_seed(seed)
        return transform(noise(height, width))

    found = [degraded(seed) for seed in range(5)]
    for seed, image in enumerate(found):
        assert image.shape == (3, height, width)
        assert image.dtype == torch.uint8
        assert torch.equal(degraded(seed), image)
    if height > 1:
        assert len({image.numpy().tobytes() for image in found}) == 5


def test_degradations_of_probability_0_do_nothing() -> None:
    assert augmentation.random_degradations(0.0, 0.0, 0.0, 0.0) == []
    torch.manual_seed(0)
    half = augmentation.compose(augmentation.random_degradations(0.5, 0.0, 0.0, 0.0))
    unchanged = sum(torch.equal(half(noise(8, 8)), noise(8, 8)) for _ in range(200))
    assert unchanged == pytest.approx(100, abs=25)


def test_the_degradation_does_not_depend_on_the_image() -> None:
    """So the two crops of a pair, under one seed, get the same: also the next random numbers."""
    transform = augmentation.compose(augmentation.random_degradations(0.5, 0.5, 0.5, 0.5))
    after = []
    for seed in range(20):
        for image in (noise(20, 20), torch.zeros(3, 20, 20, dtype=torch.uint8)):
            torch.manual_seed(seed)
            transform(image)
            after.append(float(torch.rand(())))
    assert after[::2] == after[1::2]


def test_colour_changes_keep_the_brightness_of_grey_on_average() -> None:
    """Gains of white balance add up to the same light; some crops lose their colour."""
    torch.manual_seed(0)
    image = torch.tensor([150, 120, 100], dtype=torch.uint8)[:, None, None].expand(3, 4, 4)
    found = torch.stack([augmentation.ColourChange()(image)[:, 0, 0] for _ in range(500)]).double()
    weights = torch.tensor(augmentation.LUMA)
    assert float((found @ weights).mean()) == pytest.approx(
        float(image[:, 0, 0].double() @ weights), abs=8
    )
    ratios = found[:, 0] / found[:, 2]
    assert ratios.min() < 0.9
    assert ratios.max() > 2


def test_quality_chains_remove_detail() -> None:
    torch.manual_seed(0)
    image = noise(64, 64)
    for resampling, recompression in ((1.0, 0.0), (0.0, 1.0)):
        chain = augmentation.QualityChain(resampling, recompression)
        found = torch.stack([chain(image) for _ in range(20)]).float()
        assert found.std() < 0.95 * image.float().std()
        assert float(found.mean()) == pytest.approx(float(image.float().mean()), abs=3)
