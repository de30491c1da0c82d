"""HDR video is read as the SDR picture that a screen shows; pixels that are not square are."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from deepfake.core.image import Image
from deepfake.video import hdr
from deepfake.video.decoding import decode_video

PATCHES = np.array(  # black, greys, white, skins, saturated colours
    [
        *([0] * 3, [64] * 3, [128] * 3, [192] * 3, [255] * 3),
        *([224, 172, 140], [141, 85, 60], [200, 40, 40], [40, 160, 60], [50, 60, 200]),
    ],
    np.uint8,
)
FROM_BT709 = np.linalg.inv(hdr.TO_BT709.astype(np.float64))
WEIGHTS = hdr.LUMINANCE.astype(np.float64)


def encoded(image: Image, transfer: int, white: float) -> NDArray[np.float64]:
    """The HDR signal (0 to 1) of an SDR image whose white has `white` cd/m2, by BT.2100."""
    light = white * (image / 255.0) ** hdr.SDR_GAMMA @ FROM_BT709.T
    light = np.maximum(light, 0)
    if transfer == hdr.PQ:
        power = (light / 10_000) ** hdr.M1
        return ((hdr.C1 + hdr.C2 * power) / (1 + hdr.C3 * power)) ** hdr.M2
    display = light / hdr.HLG_PEAK
    luminance = np.maximum(display @ WEIGHTS, 1e-12)[..., None]
    scene = display * luminance ** (1 / hdr.HLG_GAMMA - 1)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    logarithm = a * np.log(np.maximum(12 * scene - b, 1e-12)) + c
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), logarithm)


def as_signal(values: NDArray[np.float64]) -> NDArray[np.uint16]:
    return np.rint(65535 * np.clip(values, 0, 1)).astype(np.uint16)


@pytest.mark.parametrize("transfer", [hdr.HLG, hdr.PQ])
def test_what_was_sdr_is_as_it_was(transfer: int) -> None:
    picture = PATCHES[None].repeat(8, axis=0)
    signal = as_signal(encoded(picture, transfer, hdr.SDR_WHITE))
    found = hdr.to_sdr(signal, transfer, hdr.BT2020)
    assert np.abs(found.astype(int) - picture).max() <= 2


@pytest.mark.parametrize("transfer", [hdr.HLG, hdr.PQ])
def test_white_of_hdr_is_white(transfer: int) -> None:
    """At the 203 cd/m2 of BT.2408, which is 75 % of HLG and 58 % of PQ."""
    white = encoded(np.full((1, 3), 255), transfer, hdr.HDR_WHITE)
    assert white.max() == pytest.approx(0.75 if transfer == hdr.HLG else 0.58, abs=0.01)
    picture = PATCHES[None].repeat(8, axis=0)
    found = hdr.to_sdr(as_signal(encoded(picture, transfer, hdr.HDR_WHITE)), transfer, hdr.BT2020)
    assert np.abs(found.astype(int) - picture).max() <= 2


def test_highlights_are_compressed_and_keep_their_order() -> None:
    ramp = np.linspace(0, 255, 256).astype(np.uint8)[None, :, None].repeat(3, axis=2)
    found = hdr.to_sdr(as_signal(encoded(ramp, hdr.PQ, 1000)), hdr.PQ, hdr.BT2020)
    levels = found[0, :, 0].astype(int)
    assert (np.diff(levels) >= 0).all()
    assert levels[-1] >= 253
    assert len({*levels[128:224]}) > 25, "light above white can still be told apart"
    assert np.ptp(found.astype(int), axis=2).max() <= 1, "grey stays grey"


def test_black_and_other_primaries() -> None:
    black = np.zeros((2, 2, 3), np.uint16)
    assert not hdr.to_sdr(black, hdr.HLG, hdr.BT2020).any()
    red = np.zeros((2, 2, 3), np.uint16)
    red[..., 0] = 30_000
    assert hdr.to_sdr(red, hdr.PQ, 1)[0, 0, 1:].tolist() == [0, 0]


def hdr_clip(path: Path, transfer: int) -> Path:
    """Columns of `PATCHES` as an HDR frame of 10 bits, nearly lossless."""
    signal = as_signal(encoded(PATCHES[None].repeat(64, axis=0), transfer, hdr.SDR_WHITE))
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25, options={"qp": "1", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 16 * len(PATCHES), 64, "yuv420p10le"
        context = stream.codec_context
        context.color_trc, context.color_primaries = transfer, hdr.BT2020
        context.colorspace, context.color_range = 9, 1
        frame = av.VideoFrame.from_ndarray(signal.repeat(16, axis=1), format="rgb48le")
        frame = frame.reformat(format="yuv420p10le", dst_colorspace=9, dst_color_range=1)
        frame.color_trc, frame.color_primaries = transfer, hdr.BT2020
        frame.colorspace, frame.color_range = 9, 1
        output.mux(stream.encode(frame))
        output.mux(stream.encode())
    return path


@pytest.mark.parametrize("transfer", [hdr.HLG, hdr.PQ])
def test_an_hdr_file_looks_like_the_sdr_one(tmp_path: Path, transfer: int) -> None:
    image = decode_video(hdr_clip(tmp_path / "a.mkv", transfer), lambda _: [0]).frames[0]
    assert np.abs(image[32, 8::16].astype(int) - PATCHES).max() <= 8


@pytest.mark.parametrize(
    ("aspect", "width"),
    [((2, 1), 128), ((4, 3), 85), ((64, 45), 91), ((8, 9), 57), ((1, 1), 64), ((100, 1), 64)],
)
def test_pixels_become_square(tmp_path: Path, aspect: tuple[int, int], width: int) -> None:
    path = tmp_path / "a.mp4"
    picture = np.zeros((48, 64, 3), np.uint8)
    picture[:, :32] = 255
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25, options={"crf": "5"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(*aspect)
        output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(stream.encode())
    video = decode_video(path, lambda _: [0])
    assert video.frames[0].shape == (48, width, 3)
    assert (video.width, video.height) == (width, 48)
    column = cv2.cvtColor(video.frames[0], cv2.COLOR_RGB2GRAY)[24]
    assert np.flatnonzero(column < 128)[0] == pytest.approx(width / 2, abs=1)
