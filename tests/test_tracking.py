"""Tracks: who is who over the frames of a video."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepfake.faces import Face
from deepfake.tracking import link_tracks


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
