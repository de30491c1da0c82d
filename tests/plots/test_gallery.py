"""Sheets of crops: the right crops, in the right order."""

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
    """Caption and brightness of each image."""
    return [
        (axes.get_title(), round(float(np.mean(axes.images[0].get_array()))))
        for axes in figure.axes
        if axes.images
    ]


def store(folder: Path, video_id: str, **brightness: int) -> None:
    images = {
        f"{name}.jpg": encode_jpeg(np.full((16, 16, 3), value, np.uint8), 95, "yuv444")
        for name, value in brightness.items()
    }
    archive.write(folder, video_id, archive.pack({"status": "ok"}, images))


@pytest.fixture
def predictions(tmp_path: Path) -> Predictions:
    """Two wrong verdicts, a right one, an UNDECIDED one; each crop has its own brightness."""
    store(tmp_path, "d/right", a=10)
    store(tmp_path, "d/false_real", a=50, b=60)
    store(tmp_path, "d/false_fake", a=90, b=100)
    videos = pd.DataFrame(
        [
            ("d/right", 1, 0.9, "FAKE"),
            ("d/false_real", 1, 0.3, "REAL"),
            ("d/false_fake", 0, 0.8, "FAKE"),
            ("d/none", 1, float("nan"), "UNDECIDED"),
        ],
        columns=["video_id", "label", "score", "verdict"],
    )
    frames = pd.DataFrame(
        [
            ("d/right", "a.jpg", 1, 0.9),
            ("d/false_real", "a.jpg", 1, 0.4),
            ("d/false_real", "b.jpg", 1, 0.2),
            ("d/false_fake", "a.jpg", 0, 0.95),
            ("d/false_fake", "b.jpg", 0, 0.6),
        ],
        columns=CROPS,
    )
    return Predictions(frames, videos)


def test_worst_mistakes_come_first(tmp_path: Path, predictions: Predictions) -> None:
    figure = gallery.worst_mistakes(predictions, tmp_path)
    assert shown(figure) == [
        ("d/false_fake\nlabel REAL, score 0.80", 90),
        ("d/false_real\nlabel FAKE, score 0.30", 60),
    ]
    assert figure.get_suptitle() == "Wrong verdicts on 2 of 4 videos, the worst first"


@pytest.mark.parametrize("rows", [[0], [0, 3], []])
def test_no_mistakes(tmp_path: Path, predictions: Predictions, rows: list[int]) -> None:
    right = Predictions(predictions.frames, predictions.videos.iloc[rows])
    figure = gallery.worst_mistakes(right, tmp_path)
    assert shown(figure) == []
    title = f"Wrong verdicts on 0 of {len(rows)} videos, the worst first"
    assert figure.get_suptitle() == title


def test_number_of_mistakes_is_limited(tmp_path: Path) -> None:
    names = [f"d/{i:02d}" for i in range(gallery.MAX_MISTAKES + 2)]
    for i, name in enumerate(names):
        store(tmp_path, name, a=5 * i)
    scores = [1 - 0.01 * i for i in range(len(names))]
    videos = pd.DataFrame({"video_id": names, "label": 0, "score": scores, "verdict": "FAKE"})
    frames = videos.assign(image="a.jpg")[CROPS]
    figure = gallery.worst_mistakes(Predictions(frames, videos), tmp_path)
    assert [brightness for _, brightness in shown(figure)] == [5 * i for i in range(18)]
    assert figure.get_suptitle().startswith("Wrong verdicts on 20 of 20 videos")


@pytest.mark.parametrize(("count", "expected"), [(1, 1), (3, 3), (36, 36), (40, 36)])
def test_crop_sheet_is_evenly_spaced(tmp_path: Path, count: int, expected: int) -> None:
    names = [f"d/m/{i:02d}" for i in range(count)]
    for i, name in enumerate(names):
        store(tmp_path, name, a=5 * i, b=255)
    rows = [(name, image) for name in names for image in ("a.jpg", "b.jpg")]
    figure = gallery.crop_sheet(pd.DataFrame(rows, columns=["video_id", "image"]), tmp_path)
    images = shown(figure)
    assert len(images) == expected
    assert images[0] == ("m/00", 0)
    assert images[-1] == (f"m/{count - 1:02d}", 5 * (count - 1))
    assert figure.get_suptitle() == f"Crops of {expected} of {count} videos"


def test_crop_sheet_without_crops(tmp_path: Path) -> None:
    figure = gallery.crop_sheet(pd.DataFrame(columns=["video_id", "image"]), tmp_path)
    assert shown(figure) == []


def test_missing_archive_is_named(tmp_path: Path, predictions: Predictions) -> None:
    (tmp_path / "d" / "false_real.tar").unlink()
    with pytest.raises(ArchiveError, match=r"false_real\.tar"):
        gallery.worst_mistakes(predictions, tmp_path)


def test_same_crops_give_the_same_png(tmp_path: Path, predictions: Predictions) -> None:
    for name in ("one.png", "other.png"):
        figures.save_figure(gallery.worst_mistakes(predictions, tmp_path), tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "other.png").read_bytes()
