"""Tracks: who is who over the frames of a video."""

from collections.abc import Collection, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from deepfake.core.image import Image
from deepfake.core.sampling import evenly_spaced
from deepfake.faces import tracking
from deepfake.faces.cropping import find_tracks
from deepfake.faces.detection import Face, find_faces, find_faces_near
from deepfake.faces.tracking import find_cuts, follow_faces, link_tracks
from deepfake.video.decoding import decode_video


def face(x: float, y: float = 0, side: float = 40, score: float = 0.9) -> Face:
    """A square face with its upper left corner at (x, y)."""
    return Face((x, y, x + side, y + side), score, ())


def test_two_people_who_cross() -> None:
    """One walks to the right, the other, standing a head lower, to the left."""
    going = [face(x, 0) for x in (0, 30, 60, 90, 120)]
    coming = [face(x, 30) for x in (120, 90, 60, 30, 0)]
    frames = [sorted(pair, key=lambda f: f.box) for pair in zip(going, coming, strict=True)]
    tracks = link_tracks(frames)
    assert [list(track.values()) for track in tracks] in ([going, coming], [coming, going])


def test_a_face_goes_on_after_frames_without_it() -> None:
    tracks = link_tracks([[face(0)], [], [face(100)], [face(10)]])
    assert tracks == [{0: face(0), 3: face(10)}, {2: face(100)}]


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (4, 1), (3, 2)])
def test_assignment_of_one_needs_no_library(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        likeness = rng.random(shape) * (rng.random(shape) > 0.4)
        rows, columns = linear_sum_assignment(-likeness)
        pairs = zip(rows.tolist(), columns.tolist(), strict=True)
        assert tracking._assigned(likeness) == {r: c for r, c in pairs if likeness[r, c] > 0}


def test_best_assignment_is_that_of_all_together() -> None:
    """Face 12 overlaps most with 10, but 22 has nobody else."""
    tracks = link_tracks([[face(0), face(30)], [face(14), face(44)]])
    assert tracks == [{0: face(0), 1: face(14)}, {0: face(30), 1: face(44)}]


@pytest.mark.parametrize(
    ("shift", "tracks"),
    [(0, 1), (53, 1), (54, 2), (80, 2), (500, 2)],
)
def test_how_far_a_face_may_move(shift: float, tracks: int) -> None:
    """Boxes of 40 grow to 80, so moved by x they overlap by (80 - x) / (80 + x): .2 at 53.3."""
    assert len(link_tracks([[face(0)], [face(shift)]])) == tracks


def test_most_visible_person_comes_first() -> None:
    small, large = [face(0, side=20)] * 3, [face(500, side=70)] * 3
    frames = [list(pair) for pair in zip(small, large, strict=True)]
    assert [track[0].size for track in link_tracks(frames)] == [70, 20]
    often = [[face(0, side=30)]] * 5
    assert [len(track) for track in link_tracks([[face(500, side=70)], [], *often])] == [5, 1]


@pytest.mark.parametrize(
    ("frames", "tracks"),
    [
        ([], []),
        ([[], [], []], []),
        ([[face(1)]], [{0: face(1)}]),
        ([[], [face(1)]], [{1: face(1)}]),
    ],
)
def test_few_frames(frames: list[list[Face]], tracks: list[dict[int, Face]]) -> None:
    assert link_tracks(frames) == tracks


some_faces = st.builds(
    face, st.integers(0, 200), st.integers(0, 200), st.integers(10, 90), st.floats(0, 1)
)


@given(st.lists(st.lists(some_faces, max_size=4), max_size=5))
def test_every_face_is_in_one_track(frames: list[list[Face]]) -> None:
    tracks = link_tracks(frames)
    assert all(track for track in tracks)
    for position, faces in enumerate(frames):
        found = [track[position] for track in tracks if position in track]
        assert sorted(found, key=repr) == sorted(faces, key=repr)
    visible = [
        len(t) * sorted(f.size for f in t.values())[len(t) // 2] for t in tracks if len(t) == 1
    ]
    assert visible == sorted(visible, reverse=True)


def picture(value: int, side: int = 64) -> Image:
    return np.full((side, side, 3), value, np.uint8)


def test_a_cut_is_where_the_picture_changes() -> None:
    assert find_cuts([]) == frozenset()
    assert find_cuts([picture(90), picture(92), picture(200), picture(200)]) == {2}
    assert find_cuts([picture(90), picture(90, 32)]) == {1}, "another size is another shot"


class Watcher:
    """Stands for the detector: it knows where faces are in each picture, and counts its passes."""

    def __init__(self, frames: list[list[Face]]) -> None:
        self.images = [np.full((8, 8, 3), 100 + i, np.uint8) for i in range(len(frames))]
        self.frames = frames
        self.surveys: list[int] = []

    def survey(self, image: Image) -> list[Face]:
        at = int(image[0, 0, 0]) - 100
        self.surveys.append(at)
        return self.frames[at]

    def look(self, image: Image, known: Sequence[Face]) -> list[Face]:
        """Faces that are within a face's width of a known one."""
        at = int(image[0, 0, 0]) - 100
        return [f for f in self.frames[at] if any(abs(f.box[0] - k.box[0]) < 40 for k in known)]

    def follow(self, every: int, cuts: Sequence[int] = ()) -> list[list[Face]]:
        return follow_faces(self.images, cuts, every, self.survey, self.look)


def test_followed_faces_need_few_passes_over_whole_frames() -> None:
    watcher = Watcher([[face(10 + i)] for i in range(9)])
    assert watcher.follow(4) == watcher.frames
    assert watcher.surveys == [0, 4, 8]
    watcher.surveys.clear()
    assert watcher.follow(1) == watcher.frames
    assert watcher.surveys == list(range(9))


def test_a_lost_face_and_a_cut_are_looked_for_everywhere() -> None:
    watcher = Watcher([[face(0)], [face(0)], [face(300)], [face(300)], [face(900)], []])
    assert watcher.follow(9, cuts=[4]) == watcher.frames
    assert watcher.surveys == [0, 2, 4, 5]


def test_who_comes_between_two_passes_loses_no_frame() -> None:
    """The second person is there from frame 2 on, and first seen by the pass over frame 4."""
    watcher = Watcher([[face(0)]] * 2 + [[face(0), face(300)]] * 4)
    assert watcher.follow(4) == watcher.frames
    assert watcher.surveys == [0, 4]


def test_nobody_anywhere() -> None:
    watcher = Watcher([[]] * 3)
    assert watcher.follow(4) == [[]] * 3
    assert Watcher([]).follow(4) == []


@pytest.fixture(scope="module")
def people(demo_root: Path) -> list[list[Image]]:
    """Six frames each of clips of a woman and a man, 160 x 160 around the face."""
    return [close_up(demo_root / f"real/{name}.mp4") for name in ("astronaut_1", "pyfeat_1")]


def close_up(clip: Path) -> list[Image]:
    frames = decode_video(clip, lambda count: evenly_spaced(count, 6)).frames
    found = find_faces(frames[0], *SETTINGS)
    left, top, right, bottom = found[0].box
    x, y, half = (left + right) / 2, (top + bottom) / 2, 0.9 * found[0].size
    return [
        cv2.resize(
            frame[
                max(0, round(y - half)) : round(y + half), max(0, round(x - half)) : round(x + half)
            ],
            (160, 160),
        )
        for frame in frames
    ]


SETTINGS = ("libfacedetection", 640, 0.8, 0.05)


def tracks_of(images: list[Image]) -> list[list[int]]:
    """Positions of the frames of each person."""
    found = find_tracks(
        images,
        4,
        lambda image: find_faces(image, *SETTINGS),
        lambda image, known: find_faces_near(image, known, "libfacedetection", 0.8, 0.05),
    )
    return sorted(sorted(track) for track in found)


def test_two_people_who_take_turns_at_one_place_are_two_tracks(people: list[list[Image]]) -> None:
    """Shot and reverse shot: only what they look like tells them apart."""
    one, other = people
    assert tracks_of([(one, other)[at % 2][at] for at in range(6)]) == [[0, 2, 4], [1, 3, 5]]
    assert tracks_of([*one[:3], *other[:3]]) == [[0, 1, 2], [3, 4, 5]]


def test_somebody_who_turns_up_elsewhere_is_the_same_track(people: list[list[Image]]) -> None:
    images = [np.full((160, 640, 3), 90, np.uint8) for _ in range(6)]
    for at, image in enumerate(images):
        place = 0 if at < 3 else 480
        image[:, place : place + 160] = people[0][at]
    assert tracks_of(images) == [[0, 1, 2, 3, 4, 5]]


def test_two_people_side_by_side_stay_apart_when_they_change_places(
    people: list[list[Image]],
) -> None:
    images = [np.full((160, 480, 3), 90, np.uint8) for _ in range(6)]
    for at, image in enumerate(images):
        left, right = people if at < 3 else people[::-1]
        image[:, :160], image[:, 320:] = left[at], right[at]
    found = find_tracks(
        images,
        4,
        lambda image: find_faces(image, *SETTINGS),
        lambda image, known: find_faces_near(image, known, "libfacedetection", 0.8, 0.05),
    )
    places = [[track[at].box[0] < 200 for at in sorted(track)] for track in found]
    assert sorted(places) == [[False] * 3 + [True] * 3, [True] * 3 + [False] * 3]


class Names:
    """Looks of faces whose score is who they are; one of score 0 cannot be recognised."""

    def __init__(self) -> None:
        self.asked = 0

    def glance(self, _at: int, one: Face, _other_at: int, other: Face) -> float:
        return 0.0 if one.score == other.score else 20.0

    def distance(self, _at: int, one: Face, _other_at: int, other: Face) -> float | None:
        self.asked += 1
        if 0 in (one.score, other.score):
            return None
        return 0.3 if one.score == other.score else 0.8


def who_is_linked(
    frames: Sequence[Sequence[Face]], cuts: Collection[int] = ()
) -> list[list[float]]:
    """Who is in each track."""
    return [[f.score for f in t.values()] for t in link_tracks(frames, cuts, Names())]


def test_another_person_at_the_same_place_is_another_track() -> None:
    alternating = [[face(0, score=0.5 + 0.1 * (i % 2))] for i in range(6)]
    assert who_is_linked(alternating, cuts=range(1, 6)) == [[0.5] * 3, [0.6] * 3]
    assert who_is_linked(alternating) == [[0.5] * 3, [0.6] * 3]
    assert len(link_tracks(alternating)) == 1


def test_a_person_who_jumps_is_one_track() -> None:
    jump = [[face(0, score=0.5)], [face(0, score=0.5)], [face(900, score=0.5)]]
    assert who_is_linked(jump) == [[0.5] * 3]
    assert who_is_linked([*jump[:2], [face(900, score=0.6)]]) == [[0.5] * 2, [0.6]]


def test_two_who_change_places() -> None:
    before = [face(0, score=0.5), face(90, score=0.6)]
    after = [face(0, score=0.6), face(90, score=0.5)]
    assert who_is_linked([before, before, after, after]) in (
        [[0.5] * 4, [0.6] * 4],
        [[0.6] * 4, [0.5] * 4],
    )


def test_who_cannot_be_recognised_is_known_by_the_place() -> None:
    assert who_is_linked([[face(0, score=0)], [face(4, score=0)], [face(500, score=0)]]) == [
        [0, 0],
        [0],
    ]


def test_looks_are_not_asked_without_need() -> None:
    names = Names()
    link_tracks([[face(i, score=0.5)] for i in range(9)], cuts=(3, 5), looks=names)
    assert names.asked == 0
