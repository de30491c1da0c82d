"""Seeded corruptions of media files, for tests that no file stops a worker."""

from collections.abc import Callable

import numpy as np

EDGE = 1024  # bytes at either end, where headers, indices and their sizes are
GROWTH = 65_536  # a mutated file is at most this many bytes longer
# Sizes that decoders may handle wrongly: 0, less than the header of a box, "to the end of the
# file", sign changes, and the largest.
SIZES = (0, 1, 7, 8, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFF)


def mutate(data: bytes, rng: np.random.Generator) -> bytes:
    """Corrupt `data` in one of several ways, chosen by `rng`.

    The result always differs from `data`, is at most `GROWTH` bytes longer, and is the same for the
    same state of `rng`.

    Raises:
        ValueError: `data` is empty.
    """
    if not data:
        raise ValueError("nothing to corrupt")
    while True:  # a corruption may change nothing; then another one is chosen
        kind = KINDS[int(rng.integers(len(KINDS)))]
        changed = kind(data, rng)
        if changed != data:
            return changed


def flip_bytes(data: bytes, rng: np.random.Generator) -> bytes:
    """Change one to sixteen bytes."""
    changed = np.frombuffer(data, np.uint8).copy()
    where = rng.integers(len(data), size=int(rng.integers(1, 17)))
    changed[where] ^= rng.integers(1, 256, len(where), np.uint8)
    return changed.tobytes()


def overwrite_block(data: bytes, rng: np.random.Generator) -> bytes:
    """Replace a part by random bytes, zeros or 0xff."""
    start, end = _part(data, rng)
    length = end - start
    fill = (rng.bytes(length), bytes(length), b"\xff" * length)[int(rng.integers(3))]
    return data[:start] + fill + data[end:]


def cut_end(data: bytes, rng: np.random.Generator) -> bytes:
    """Remove the end, as in an interrupted download; possibly everything."""
    return data[: int(rng.integers(len(data)))]


def cut_middle(data: bytes, rng: np.random.Generator) -> bytes:
    """Remove a part."""
    start, end = _part(data, rng)
    return data[:start] + data[end:]


def repeat_part(data: bytes, rng: np.random.Generator) -> bytes:
    """Repeat a part."""
    start, end = _part(data, rng)
    end = min(end, start + GROWTH)
    return data[:end] + data[start:end] + data[end:]


def swap_parts(data: bytes, rng: np.random.Generator) -> bytes:
    """Swap two adjacent parts."""
    first, second, third = np.sort(rng.integers(len(data) + 1, size=3))
    return data[:first] + data[second:third] + data[first:second] + data[third:]


def change_size(data: bytes, rng: np.random.Generator) -> bytes:
    """Change four bytes near an end, as a big-endian number: a box may claim any length."""
    near = int(rng.integers(min(EDGE, len(data))))
    start = near if rng.integers(2) else len(data) - 1 - near
    old = int.from_bytes(data[start : start + 4].ljust(4, b"\0"), "big")
    random_size = int(rng.integers(1 << 32))
    choices = (
        *SIZES,
        random_size,
        (old + 1) % (1 << 32),
        (old - 1) % (1 << 32),
        old * 2 % (1 << 32),
    )
    new = choices[int(rng.integers(len(choices)))].to_bytes(4, "big")
    return (data[:start] + new + data[start + 4 :])[: len(data)]


def splice(data: bytes, rng: np.random.Generator) -> bytes:
    """Overwrite bytes with a copy of another part."""
    start, end = _part(data, rng)
    to = int(rng.integers(len(data)))
    return (data[:to] + data[start:end] + data[to + end - start :])[: len(data)]


KINDS: tuple[Callable[[bytes, np.random.Generator], bytes], ...] = (
    flip_bytes,
    overwrite_block,
    cut_end,
    cut_middle,
    repeat_part,
    swap_parts,
    change_size,
    splice,
)


def _part(data: bytes, rng: np.random.Generator) -> tuple[int, int]:
    """Start and end of a part of at least one byte; small parts are as likely as large ones."""
    length = int(len(data) ** rng.random())
    start = int(rng.integers(len(data) - length + 1))
    return start, start + length
