"""The crops behind the verdicts: the right ones, in the right order."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from deepfake.base.errors import ArchiveError
from deepfake.core import archive
from deepfake.core.image import encode_jpeg
from deepfake.evaluation.predictions import Predictions
from deepfake.plots import figures, gallery

CROPS = ["video_id", "image", "label", "score"]


def shown(figure: Figure) -> list[tuple[str, int]]:
    """Caption and brightness of every picture."""
    return [
        (axes.get_title(), round(float(np.mean(axes.images[0].get_array()))))
        for axes in figure.axes
        if axes.images
    ]


def store(folder: Path, video_id: str, **brightness: int) -> None:
    images = {
        f"{name}.jpg": encode_jpeg(np.full((16, 16, 3), value, np.uint8), 95, "4:4:4")
        for name, value in brightness.items()
    }
    archive.write(folder, video_id, archive.pack({"status": "ok"}, images))


@pytest.fixture
def predictions(tmp_path: Path) -> Predictions:
    """Two wrong videos, one right, one undecided; each crop has a brightness of its own."""
    store(tmp_path, "d/right", a=10)
    store(tmp_path, "d/missed", a=50, b=60)
    store(tmp_path, "d/accused", a=90, b=100)
    videos = pd.DataFrame(
        [
            ("d/right", 1, 0.9, "FAKE"),
            ("d/missed", 1, 0.3, "REAL"),
            ("d/accused", 0, 0.8, "FAKE"),
            ("d/none", 1, float("nan"), "UNDECIDED"),
        ],
        columns=["video_id", "label", "score", "verdict"],
    )
    frames = pd.DataFrame(
        [
            ("d/right", "a.jpg", 1, 0.9),
            ("d/missed", "a.jpg", 1, 0.4),
            ("d/missed", "b.jpg", 1, 0.2),
            ("d/accused", "a.jpg", 0, 0.95),
            ("d/accused", "b.jpg", 0, 0.6),
        ],
        columns=CROPS,
    )
    return Predictions(frames, videos)


def test_worst_mistakes_come_first(tmp_path: Path, predictions: Predictions) -> None:
    figure = gallery.worst_mistakes(predictions, tmp_path)
    assert shown(figure) == [
        ("d/accused\nis REAL, score 0.80", 90),
        ("d/missed\nis FAKE, score 0.30", 60),
    ]
    assert figure.get_suptitle() == "2 of 4 videos judged wrongly, the worst first"


@pytest.mark.parametrize("rows", [[0], [0, 3], []])
def test_no_mistakes(tmp_path: Path, predictions: Predictions, rows: list[int]) -> None:
    right = Predictions(predictions.frames, predictions.videos.iloc[rows])
    figure = gallery.worst_mistakes(right, tmp_path)
    assert shown(figure) == []
    title = f"0 of {len(rows)} videos judged wrongly, the worst first"
    assert figure.get_suptitle() == title


def test_only_so_many_mistakes_are_shown(tmp_path: Path) -> None:
    names = [f"d/{i:02d}" for i in range(gallery.SHOWN + 2)]
    for i, name in enumerate(names):
        store(tmp_path, name, a=5 * i)
    scores = [1 - 0.01 * i for i in range(len(names))]
    videos = pd.DataFrame({"video_id": names, "label": 0, "score": scores, "verdict": "FAKE"})
    frames = videos.assign(image="a.jpg")[CROPS]
    figure = gallery.worst_mistakes(Predictions(frames, videos), tmp_path)
    assert [brightness for _, brightness in shown(figure)] == [5 * i for i in range(18)]
    assert figure.get_suptitle().startswith("20 of 20 videos")


@pytest.mark.parametrize(("count", "expected"), [(1, 1), (3, 3), (36, 36), (40, 36)])
def test_crop_sheet_is_evenly_chosen(tmp_path: Path, count: int, expected: int) -> None:
    names = [f"d/m/{i:02d}" for i in range(count)]
    for i, name in enumerate(names):
        store(tmp_path, name, a=5 * i, b=255)
    rows = [(name, image) for name in names for image in ("a.jpg", "b.jpg")]
    figure = gallery.crop_sheet(pd.DataFrame(rows, columns=["video_id", "image"]), tmp_path)
    found = shown(figure)
    assert len(found) == expected
    assert found[0] == ("m/00", 0)
    assert found[-1] == (f"m/{count - 1:02d}", 5 * (count - 1))
    assert figure.get_suptitle() == f"crops of {expected} of {count} videos"


def test_crop_sheet_of_nothing(tmp_path: Path) -> None:
    figure = gallery.crop_sheet(pd.DataFrame(columns=["video_id", "image"]), tmp_path)
    assert shown(figure) == []


def test_missing_archive_is_named(tmp_path: Path, predictions: Predictions) -> None:
    (tmp_path / "d" / "missed.tar").unlink()
    with pytest.raises(ArchiveError, match=r"missed\.tar"):
        gallery.worst_mistakes(predictions, tmp_path)


def test_bytes_are_repeatable(tmp_path: Path, predictions: Predictions) -> None:
    for name in ("one.png", "other.png"):
        figures.save(gallery.worst_mistakes(predictions, tmp_path), tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "other.png").read_bytes()
