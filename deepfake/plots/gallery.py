"""The crops behind the verdicts: what a person should look at after an evaluation."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from deepfake.core import archive
from deepfake.core.image import Image, decode_image
from deepfake.core.labels import UNDECIDED
from deepfake.core.sampling import evenly_spaced
from deepfake.evaluation.predictions import Predictions
from deepfake.plots.figures import image_grid

SHOWN = 18


def worst_mistakes(predictions: Predictions, folder: Path) -> Figure:
    """The wrongly judged videos, most wrong first, each by its most misleading crop.

    Args:
        predictions: of one split.
        folder: where its crop archives are.
    """
    videos = predictions.videos
    actual = videos["label"].map({0: "REAL", 1: "FAKE"})
    wrong = videos[(videos["verdict"] != actual) & (videos["verdict"] != UNDECIDED)]
    wrong = wrong.assign(miss=(wrong["label"] - wrong["score"]).abs())
    wrong = wrong.sort_values(["miss", "video_id"], ascending=[False, True])
    title = f"{len(wrong)} of {len(videos)} videos judged wrongly, the worst first"
    wrong = wrong.head(SHOWN)
    crops = predictions.frames.merge(wrong[["video_id"]], on="video_id")
    crops = crops.assign(miss=np.abs(crops["label"] - crops["score"]))
    crops = crops.sort_values(["miss", "image"], ascending=[False, True]).drop_duplicates(
        "video_id"
    )
    ordered = wrong[["video_id"]].merge(crops, on="video_id", how="left")
    images = _images(folder, ordered)
    return image_grid(images, [_caption(row) for _, row in wrong.iterrows()], title)


def crop_sheet(crops: pd.DataFrame, folder: Path) -> Figure:
    """One crop of each of some videos, evenly chosen, to see whether the faces are cut out well."""
    first = crops.drop_duplicates("video_id")
    chosen = first.iloc[evenly_spaced(len(first), 2 * SHOWN)]
    images = _images(folder, chosen)
    captions = [_short(video_id) for video_id in chosen["video_id"]]
    return image_grid(images, captions, f"crops of {len(chosen)} of {len(first)} videos")


def _images(folder: Path, crops: pd.DataFrame) -> list[Image]:
    keys = list(zip(crops["video_id"], crops["image"], strict=True))
    return [decode_image(data) for data in archive.StoredImages(folder, keys)]


def _caption(row: "pd.Series[str]") -> str:
    actual = "FAKE" if row["label"] else "REAL"
    return f"{_short(row['video_id'])}\nis {actual}, score {row['score']:.2f}"


def _short(video_id: str) -> str:
    return "/".join(video_id.split("/")[-2:])[-30:]
