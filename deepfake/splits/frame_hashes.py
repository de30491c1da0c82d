"""Perceptual hashes of the frames of one video."""

import io
import json
from pathlib import Path

import imagehash
from PIL import Image, ImageStat

from deepfake.core import archive

SIDE = 128  # pixels that JPEG decoding may reduce a frame to; the hash looks at 32 x 32
BITS = 64  # of a hash
MIN_CONTRAST = 8.0  # standard deviation of grey values; a flatter frame looks like any other


def hash_frames(path: Path) -> bytes:
    """Perceptual hashes of the frame archive at `path`: the work on one video.

    Returns:
        JSON: a list of 64 bit hashes (Zauner, Implementation and Benchmarking of Perceptual Image
        Hash Functions, 2010) as hexadecimal text, without the frames that are nearly flat.
    """
    hashes = []
    for data in archive.read(path).images.values():
        stored = Image.open(io.BytesIO(data))
        stored.draft("L", (SIDE, SIDE))
        gray = stored.convert("L")
        if ImageStat.Stat(gray).stddev[0] >= MIN_CONTRAST:
            hashes.append(str(imagehash.phash(gray)))
    return json.dumps(hashes).encode()
