"""Perceptual hashes of the frames of one video."""

import io
import json
from pathlib import Path

import imagehash
from PIL import Image, ImageStat

from deepfake.core import archive

DECODED_SIDE = 128  # pixels to which JPEG decoding may reduce a frame; the hash needs 32 x 32
HASH_BITS = 64
MIN_CONTRAST = 8.0  # standard deviation of grey values; the hash of a flatter frame is arbitrary


def hash_frames(path: Path) -> bytes:
    """Perceptual hashes of the frames in the archive of one video.

    Args:
        path: the frame archive.

    Returns:
        JSON: a list of 64 bit hashes (Zauner, Implementation and Benchmarking of Perceptual Image
        Hash Functions, 2010) as hexadecimal text. Nearly flat frames have none.
    """
    hashes = []
    for data in archive.read(path).images.values():
        stored = Image.open(io.BytesIO(data))
        stored.draft("L", (DECODED_SIDE, DECODED_SIDE))
        gray = stored.convert("L")
        if ImageStat.Stat(gray).stddev[0] >= MIN_CONTRAST:
            hashes.append(str(imagehash.phash(gray)))
    return json.dumps(hashes).encode()
