"""DFDC preview: the actor whose face was put in comes first in the name."""

import json
from pathlib import Path

import pytest
from trees import tree

from deepfake.datasets import dfdc_preview
from deepfake.errors import ManifestError

REAL = "original_videos/1127095/1127095_I_002.mp4"
FAKE = "method_A/1224068/1224068_1127095_I_002.mp4"
TABLE = {
    REAL: {"label": "real", "set": "test"},
    FAKE: {"label": "fake", "set": "train"},
    "method_B/gone.mp4": {"label": "fake", "set": "train"},
}


def test_labels_people_and_split(tmp_path: Path) -> None:
    files = {"dataset.json": json.dumps(TABLE)}
    root = tree(tmp_path, REAL, FAKE, "method_A/more.mp4", files=files)
    assert dfdc_preview.recognises(root)
    found = dfdc_preview.listing(root)
    rows = found.rows.set_index("path")
    columns = ["label", "method", "target", "source", "official_split"]
    assert rows.loc[REAL, columns].tolist() == [0, "real", "dfdc_preview:1127095", "", "test"]
    assert rows.loc[FAKE, columns].tolist() == [
        *(1, "method_A", "dfdc_preview:1127095", "dfdc_preview:1224068", "train")
    ]
    assert [note.split(":")[0] for note in found.notes] == [
        "1 videos of dataset.json are not on disk",
        "1 videos are not in dataset.json, left out",
    ]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "is not JSON"),
        ("[]", "holds a list"),
        (json.dumps({REAL: {"label": "1"}}), "neither real nor fake"),
        (json.dumps({REAL: "real"}), "neither real nor fake"),
    ],
)
def test_broken_table(tmp_path: Path, content: str | None, complaint: str) -> None:
    root = tree(tmp_path, REAL, files={} if content is None else {"dataset.json": content})
    with pytest.raises(ManifestError, match=complaint):
        dfdc_preview.listing(root)


def test_other_json_is_not_recognised(tmp_path: Path) -> None:
    assert not dfdc_preview.recognises(tree(tmp_path, "dataset.json"))
