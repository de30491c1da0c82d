"""Near-duplicates are found despite compression and scaling; flat frames are ignored."""

import json
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from conftest import execution
from hypothesis import given
from hypothesis import strategies as st

from deepfake.core import archive
from deepfake.core.image import Image, encode_jpeg
from deepfake.splits import near_duplicates
from deepfake.splits.frame_hashes import hash_frames


def hashes_of(folder: Path, *images: Image, quality: int = 95) -> list[int]:
    stored = {
        f"{i:06}.jpg": encode_jpeg(image, quality, "yuv444") for i, image in enumerate(images)
    }
    archive.write(folder, "v", archive.pack({"status": "ok"}, stored))
    return [int(text, 16) for text in json.loads(hash_frames(folder / "v.tar"))]


def distance(one: int, other: int) -> int:
    return (one ^ other).bit_count()


def test_copies_are_near_and_other_images_far(tmp_path: Path, astronaut: Image) -> None:
    (first,) = hashes_of(tmp_path, astronaut)
    (compressed,) = hashes_of(tmp_path, astronaut, quality=20)
    (small,) = hashes_of(tmp_path, cv2.resize(astronaut, (200, 200), interpolation=cv2.INTER_AREA))
    (flipped,) = hashes_of(tmp_path, np.ascontiguousarray(astronaut[::-1]))
    assert distance(first, compressed) <= near_duplicates.MAX_DISTANCE
    assert distance(first, small) <= near_duplicates.MAX_DISTANCE
    assert distance(first, flipped) > 16


def test_flat_frames_have_no_hash(tmp_path: Path) -> None:
    black = np.zeros((64, 64, 3), np.uint8)
    assert hashes_of(tmp_path, black, black + 128) == []


@given(
    st.lists(st.integers(0, 2**64 - 1), max_size=12),
    st.lists(st.tuples(st.integers(0, 11), st.integers(0, 63), st.integers(0, 63)), max_size=12),
    st.integers(0, 8),
)
def test_same_pairs_as_an_exhaustive_search(
    values: list[int], flips: list[tuple[int, int, int]], max_distance: int
) -> None:
    values += [values[i] ^ (1 << a) ^ (1 << b) for i, a, b in flips if i < len(values)]
    hashes = {f"d/{i}": [value] for i, value in enumerate(values)}
    found = near_duplicates.find_near_duplicates(hashes, max_distance, 0.5)
    content = dict(zip(found["video_id"], found["content"], strict=True))
    near = [
        (a, b)
        for a, b in combinations(hashes, 2)
        if distance(hashes[a][0], hashes[b][0]) <= max_distance
    ]
    assert set(content) == {name for pair in near for name in pair}
    assert all(content[a] == content[b] for a, b in near)


@pytest.mark.parametrize(("shared", "linked"), [(0, False), (1, False), (2, True), (4, True)])
def test_half_of_the_frames_must_be_shared(shared: int, linked: bool) -> None:
    rng = np.random.default_rng(0)
    one = [int(value) for value in rng.integers(0, 2**63, 4)]
    other = one[:shared] + [int(value) for value in rng.integers(0, 2**63, 8 - shared)]
    found = near_duplicates.find_near_duplicates({"a": one, "b": other, "c": []}, 4, 0.5)
    assert found["video_id"].tolist() == (["a", "b"] if linked else [])


def test_no_videos() -> None:
    found = near_duplicates.find_near_duplicates({}, 4, 0.5)
    assert found.empty
    assert list(found.columns) == near_duplicates.COLUMNS
    assert near_duplicates.summarize_near_duplicates(found)["near_duplicate_sets"] == 0


def test_summary() -> None:
    found = near_duplicates.find_near_duplicates(
        {"a": [1], "b": [1], "c": [1], "d": [2**60 - 1]}, 0, 0.5
    )
    assert near_duplicates.summarize_near_duplicates(found) == {
        "near_duplicate_videos": 3,
        "near_duplicate_sets": 1,
        "videos_of_largest_set": 3,
    }


def test_hashes_of_a_folder_and_none_for_an_unreadable_video(
    in_threads: Path, astronaut: Image
) -> None:
    images = {"000000.jpg": encode_jpeg(astronaut, 95, "yuv444")}
    archive.write(in_threads, "d/a", archive.pack({"status": "ok"}, images))
    archive.write(in_threads, "d/b", archive.pack({"status": "unreadable"}, {}))
    rows = pd.DataFrame({"video_id": ["d/a", "d/b"], "sha256": ["a" * 64, ""]})
    found = near_duplicates.hash_videos(rows, in_threads, execution())
    assert [len(values) for values in found.values()] == [1, 0]
