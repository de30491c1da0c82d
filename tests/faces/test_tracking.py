"""Tracks: faces are followed over the frames of a video and linked into people."""

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


def test_two_people_who_cross_keep_their_tracks() -> None:
    """One moves to the right; the other, slightly lower, moves to the left."""
    going = [face(x, 0) for x in (0, 30, 60, 90, 120)]
    coming = [face(x, 30) for x in (120, 90, 60, 30, 0)]
    frames = [sorted(pair, key=lambda f: f.box) for pair in zip(going, coming, strict=True)]
    tracks = link_tracks(frames)
    assert [list(track.values()) for track in tracks] in ([going, coming], [coming, going])


def test_a_track_continues_after_frames_without_its_face() -> None:
    tracks = link_tracks([[face(0)], [], [face(100)], [face(10)]])
    assert tracks == [{0: face(0), 3: face(10)}, {2: face(100)}]


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (4, 1), (3, 2)])
def test_assignment_equals_that_of_scipy(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        similarity = rng.random(shape) * (rng.random(shape) > 0.4)
        rows, columns = linear_sum_assignment(-similarity)
        pairs = zip(rows.tolist(), columns.tolist(), strict=True)
        assert tracking._assign(similarity) == {r: c for r, c in pairs if similarity[r, c] > 0}


def test_assignment_maximises_the_total_overlap() -> None:
    """The face at 14 overlaps both earlier faces; the larger total overlap decides."""
    tracks = link_tracks([[face(0), face(30)], [face(14), face(44)]])
    assert tracks == [{0: face(0), 1: face(14)}, {0: face(30), 1: face(44)}]


@pytest.mark.parametrize(
    ("shift", "tracks"),
    [(0, 1), (53, 1), (54, 2), (80, 2), (500, 2)],
)
def test_largest_movement_of_a_track(shift: float, tracks: int) -> None:
    """Boxes of 40 grow to 80, so shifted by x their IoU is (80 - x) / (80 + x): .2 at 53.3."""
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


def test_cuts_are_large_changes_of_the_image() -> None:
    assert find_cuts([]) == frozenset()
    assert find_cuts([picture(90), picture(92), picture(200), picture(200)]) == {2}
    assert find_cuts([picture(90), picture(90, 32)]) == {1}, "a change of size is a cut"


class FakeDetector:
    """A detector that knows the faces of each frame and records which frames it searches."""

    def __init__(self, frames: list[list[Face]]) -> None:
        self.images = [np.full((8, 8, 3), 100 + i, np.uint8) for i in range(len(frames))]
        self.frames = frames
        self.searched: list[int] = []

    def detect(self, image: Image) -> list[Face]:
        at = int(image[0, 0, 0]) - 100
        self.searched.append(at)
        return self.frames[at]

    def detect_near(self, image: Image, known: Sequence[Face]) -> list[Face]:
        """Faces that are within a face's width of a known one."""
        at = int(image[0, 0, 0]) - 100
        return [f for f in self.frames[at] if any(abs(f.box[0] - k.box[0]) < 40 for k in known)]

    def follow(self, detect_interval: int, cuts: Sequence[int] = ()) -> list[list[Face]]:
        return follow_faces(self.images, cuts, detect_interval, self.detect, self.detect_near)


def test_few_frames_are_searched_as_a_whole() -> None:
    detector = FakeDetector([[face(10 + i)] for i in range(9)])
    assert detector.follow(4) == detector.frames
    assert detector.searched == [0, 4, 8]
    detector.searched.clear()
    assert detector.follow(1) == detector.frames
    assert detector.searched == list(range(9))


def test_a_lost_face_or_a_cut_starts_a_search_of_the_whole_frame() -> None:
    detector = FakeDetector([[face(0)], [face(0)], [face(300)], [face(300)], [face(900)], []])
    assert detector.follow(9, cuts=[4]) == detector.frames
    assert detector.searched == [0, 2, 4, 5]


def test_a_new_face_is_followed_backwards() -> None:
    """The second person appears in frame 2, and is first detected in the search of frame 4."""
    detector = FakeDetector([[face(0)]] * 2 + [[face(0), face(300)]] * 4)
    assert detector.follow(4) == detector.frames
    assert detector.searched == [0, 4]


def test_no_faces_and_no_frames() -> None:
    detector = FakeDetector([[]] * 3)
    assert detector.follow(4) == [[]] * 3
    assert FakeDetector([]).follow(4) == []


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


SETTINGS = ("yunet", 640, 0.8, 0.05)


def tracks_of(images: list[Image]) -> list[list[int]]:
    """Positions of the frames of each person."""
    found = find_tracks(
        images,
        4,
        lambda image: find_faces(image, *SETTINGS),
        lambda image, known: find_faces_near(image, known, "yunet", 0.8, 0.05),
    )
    return sorted(sorted(track) for track in found)


def test_two_people_who_alternate_in_one_position_are_two_tracks(people: list[list[Image]]) -> None:
    """Shot and reverse shot: only appearance tells the people apart."""
    one, other = people
    assert tracks_of([(one, other)[at % 2][at] for at in range(6)]) == [[0, 2, 4], [1, 3, 5]]
    assert tracks_of([*one[:3], *other[:3]]) == [[0, 1, 2], [3, 4, 5]]


def test_a_person_who_appears_elsewhere_continues_the_track(people: list[list[Image]]) -> None:
    images = [np.full((160, 640, 3), 90, np.uint8) for _ in range(6)]
    for at, image in enumerate(images):
        place = 0 if at < 3 else 480
        image[:, place : place + 160] = people[0][at]
    assert tracks_of(images) == [[0, 1, 2, 3, 4, 5]]


def test_two_people_side_by_side_who_swap_positions_keep_their_tracks(
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
        lambda image, known: find_faces_near(image, known, "yunet", 0.8, 0.05),
    )
    places = [[track[at].box[0] < 200 for at in sorted(track)] for track in found]
    assert sorted(places) == [[False] * 3 + [True] * 3, [True] * 3 + [False] * 3]


class ScoreIsIdentity:
    """Appearance of faces whose score is their identity; a face of score 0 cannot be recognised."""

    def __init__(self) -> None:
        self.embedding_comparisons = 0

    def color_difference(
        self, _position: int, one: Face, _other_position: int, other: Face
    ) -> float:
        return 0.0 if one.score == other.score else 20.0

    def embedding_distance(
        self, _position: int, one: Face, _other_position: int, other: Face
    ) -> float | None:
        self.embedding_comparisons += 1
        if 0 in (one.score, other.score):
            return None
        return 0.3 if one.score == other.score else 0.8


def linked_people(
    frames: Sequence[Sequence[Face]], cuts: Collection[int] = ()
) -> list[list[float]]:
    """Identities of the faces in each track."""
    return [[f.score for f in t.values()] for t in link_tracks(frames, cuts, ScoreIsIdentity())]


def test_another_person_in_the_same_position_starts_a_track() -> None:
    alternating = [[face(0, score=0.5 + 0.1 * (i % 2))] for i in range(6)]
    assert linked_people(alternating, cuts=range(1, 6)) == [[0.5] * 3, [0.6] * 3]
    assert linked_people(alternating) == [[0.5] * 3, [0.6] * 3]
    assert len(link_tracks(alternating)) == 1


def test_a_person_who_jumps_keeps_the_track() -> None:
    jump = [[face(0, score=0.5)], [face(0, score=0.5)], [face(900, score=0.5)]]
    assert linked_people(jump) == [[0.5] * 3]
    assert linked_people([*jump[:2], [face(900, score=0.6)]]) == [[0.5] * 2, [0.6]]


def test_two_people_who_swap_positions_keep_their_tracks() -> None:
    before = [face(0, score=0.5), face(90, score=0.6)]
    after = [face(0, score=0.6), face(90, score=0.5)]
    assert linked_people([before, before, after, after]) in (
        [[0.5] * 4, [0.6] * 4],
        [[0.6] * 4, [0.5] * 4],
    )


def test_faces_that_cannot_be_recognised_are_linked_by_position() -> None:
    assert linked_people([[face(0, score=0)], [face(4, score=0)], [face(500, score=0)]]) == [
        [0, 0],
        [0],
    ]


def test_faces_that_look_alike_are_not_embedded() -> None:
    appearance = ScoreIsIdentity()
    link_tracks([[face(i, score=0.5)] for i in range(9)], cuts=(3, 5), appearance=appearance)
    assert appearance.embedding_comparisons == 0
