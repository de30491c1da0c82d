"""HDR video (HLG and PQ) as the SDR picture that a screen shows."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from deepfake.core.image import Image

PQ, HLG = 16, 18  # FFmpeg's AVColorTransferCharacteristic
BT2020 = 9  # FFmpeg's AVColorPrimaries

HLG_PEAK = 1000.0  # cd/m2 of the nominal display (ITU-R BT.2100)
HLG_GAMMA = 1.2  # of its opto-optical transfer function
SDR_WHITE = 100.0  # cd/m2 of white in SDR video (ITU-R BT.1886)
HDR_WHITE = 203.0  # cd/m2 of white in HDR video (ITU-R BT.2408)
SDR_GAMMA = 2.4  # of the display (ITU-R BT.1886)
PEAK_QUANTILE = 0.999  # of the pixels; a few brighter ones are reflections

LUMINANCE = np.array([0.2627, 0.6780, 0.0593], np.float32)  # of BT.2020's red, green and blue
TO_BT709 = np.array(  # linear RGB from the primaries of BT.2020 to those of BT.709 (BT.2087)
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]],
    np.float32,
)


def to_sdr(signal: NDArray[np.uint16], transfer: int, primaries: int) -> Image:
    """Tone-map an HDR picture.

    White is at 203 cd/m2, as BT.2408 recommends for HDR, and at least as bright as the picture where
    that is darker, down to 100 cd/m2: what was SDR before it became HDR is as it was. Brighter parts
    are compressed below white by the curve of ITU-R BT.2390.

    Args:
        signal: height x width x 3, RGB, 0 to 65535, not linear.
        transfer: `PQ` or `HLG`.
        primaries: as in the file; `BT2020` is converted to BT.709, others are kept.

    Returns:
        height x width x 3, RGB, 0 to 255.
    """
    light = _curve(transfer)[signal]
    if transfer == HLG:  # light of the scene, 0 to 1, becomes that of the display
        scene = light @ LUMINANCE
        light = (
            HLG_PEAK * np.power(scene, HLG_GAMMA - 1, where=scene > 0, out=scene)[..., None] * light
        )
    luminance = light @ LUMINANCE
    peak = float(np.quantile(luminance, PEAK_QUANTILE))
    white = min(HDR_WHITE, max(SDR_WHITE, peak))
    if peak > white:
        luminance = np.maximum(luminance, 1e-6)
        light = light * (_compress(luminance, peak, white) / luminance)[..., None]
    if primaries == BT2020:
        light = np.maximum(light @ TO_BT709.T, 0)
    shown = np.power(np.clip(light / white, 0, 1), 1 / SDR_GAMMA)
    return np.asarray(np.rint(255 * shown), np.uint8)


@cache
def _curve(transfer: int) -> NDArray[np.float32]:
    """Light by signal 0 to 65535: of the display in cd/m2 for PQ, of the scene (0 to 1) for HLG."""
    signal = np.linspace(0, 1, 1 << 16)
    return (_pq_to_light(signal) if transfer == PQ else _hlg_to_light(signal)).astype(np.float32)


def _hlg_to_light(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """The inverse of HLG's opto-electronic transfer function (BT.2100)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)


M1, M2 = 2610 / 16384, 2523 / 4096 * 128  # of PQ (SMPTE ST 2084)
C1, C2, C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32


def _pq_to_light(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    power = signal ** (1 / M2)
    return 10_000 * (np.maximum(power - C1, 0) / (C2 - C3 * power)) ** (1 / M1)


def _light_to_pq(light: NDArray[np.float32] | float) -> NDArray[np.float32]:
    power = (np.asarray(light, np.float32) / 10_000) ** np.float32(M1)
    return np.asarray(((C1 + C2 * power) / (1 + C3 * power)) ** M2, np.float32)


def _compress(light: NDArray[np.float32], peak: float, white: float) -> NDArray[np.float32]:
    """Light up to `peak` compressed to at most `white` by a spline in PQ (BT.2390, 5.4.1)."""
    whole = _light_to_pq(peak)
    level, top = np.minimum(_light_to_pq(light) / whole, 1), float(_light_to_pq(white) / whole)
    knee = 1.5 * top - 0.5
    t = np.clip((level - knee) / (1 - knee), 0, 1)
    spline = (
        (2 * t**3 - 3 * t**2 + 1) * knee
        + (t**3 - 2 * t**2 + t) * (1 - knee)
        + (-2 * t**3 + 3 * t**2) * top
    )
    compressed = np.where(level < knee, level, spline) * whole
    return _pq_to_light(compressed.astype(np.float64)).astype(np.float32)
