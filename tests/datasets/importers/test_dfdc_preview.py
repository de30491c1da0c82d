"""DFDC preview: the source actor comes first in the name."""

import json
from pathlib import Path

import pytest
from trees import tree

from deepfake.base.errors import ManifestError
from deepfake.datasets.importers import dfdc, dfdc_preview

REAL_VIDEO = "original_videos/1127095/1127095_I_002.mp4"
FAKE_VIDEO = "method_A/1127095/1127095_I/1224068_1127095_I_002.mp4"
OTHER_FAKE = "method_B/1127095/1127095_I/1300001_1127095_I_002.mp4"
TABLE = {
    REAL_VIDEO: {"label": "real", "set": "test", "augmentations": []},
    FAKE_VIDEO: {"label": "fake", "set": "train", "swapped_id": "1224068", "target_id": "1127095"},
    OTHER_FAKE: {"label": "fake"},
    "method_B/gone.mp4": {"label": "fake", "set": "train"},
}


def test_labels_people_and_split(tmp_path: Path) -> None:
    files = {"dataset.json": json.dumps(TABLE)}
    root = tree(tmp_path, REAL_VIDEO, FAKE_VIDEO, OTHER_FAKE, "method_A/more.mp4", files=files)
    assert dfdc_preview.recognises(root)
    assert not dfdc.recognises(root)
    listing = dfdc_preview.listing(root)
    rows = listing.rows.set_index("path")
    columns = ["label", "method", "target", "source", "original", "official_split"]
    actor = "dfdc_preview:1127095"
    assert rows.loc[REAL_VIDEO, columns].tolist() == [0, "real", actor, "", "", "test"]
    assert rows.loc[FAKE_VIDEO, columns].tolist() == [
        *(1, "method_A", actor, "dfdc_preview:1224068", "", "train")
    ]
    assert rows.loc[OTHER_FAKE, columns].tolist() == [
        *(1, "method_B", actor, "dfdc_preview:1300001", "", "")
    ]
    assert listing.notes == [
        "1 videos in dataset.json are not on disk:\n  method_B/gone.mp4",
        "1 videos are not in dataset.json, left out:\n  method_A/more.mp4",
    ]


@pytest.mark.parametrize(
    ("path", "entry", "people"),
    [
        ("method_A/a.mp4", {"swapped_id": 12, "target_id": "34"}, ["34", "12"]),
        ("method_A/12_34_A_001.mp4", {"swapped_id": 5, "target_id": 6}, ["34", "12"]),
        ("method_A/a.mp4", {}, ["", ""]),
        ("original_videos/a.mp4", {"swapped_id": None, "target_id": "34"}, ["34", ""]),
        ("original_videos/a.mp4", {"swapped_id": "34", "target_id": "34"}, ["34", ""]),
    ],
)
def test_people_from_the_name_or_the_table(
    tmp_path: Path, path: str, entry: dict[str, object], people: list[str]
) -> None:
    label = "real" if path.startswith("original") else "fake"
    files = {"dataset.json": json.dumps({path: {"label": label, **entry}})}
    rows = dfdc_preview.listing(tree(tmp_path, path, files=files)).rows
    expected = [f"dfdc_preview:{person}" if person else "" for person in people]
    assert rows.loc[0, ["target", "source"]].tolist() == expected


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (None, "has no dataset.json"),
        ("{", "is not JSON"),
        ("[]", "holds a list"),
        (
            json.dumps({REAL_VIDEO: {"label": "1"}}),
            f"the label of {REAL_VIDEO} is neither real nor fake",
        ),
        (
            json.dumps({REAL_VIDEO: {"set": "test"}}),
            f"the label of {REAL_VIDEO} is neither real nor fake",
        ),
        (json.dumps({REAL_VIDEO: "real"}), f"the label of {REAL_VIDEO} is neither real nor fake"),
    ],
)
def test_invalid_table(tmp_path: Path, content: str | None, error: str) -> None:
    root = tree(tmp_path, REAL_VIDEO, files={} if content is None else {"dataset.json": content})
    with pytest.raises(ManifestError, match=error):
        dfdc_preview.listing(root)


@pytest.mark.parametrize(
    "names", [(), ("dataset.json",), (REAL_VIDEO,), ("dataset.json", "videos/")]
)
def test_not_recognised(tmp_path: Path, names: tuple[str, ...]) -> None:
    assert not dfdc_preview.recognises(tree(tmp_path, *names))
