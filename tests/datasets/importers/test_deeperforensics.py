"""DeeperForensics: fakes only, linked to FaceForensics++ by their targets."""

import json
from pathlib import Path

import pytest
from trees import tree

from deepfake.base.errors import ManifestError
from deepfake.core.labels import FAKE
from deepfake.datasets.importers import deeperforensics
from deepfake.datasets.listing import COLUMNS

FAKE_756 = "manipulated_videos/end_to_end/756_M004.mp4"
FAKE_012 = "manipulated_videos/end_to_end_level_3/012_W101.mp4"
LISTS = {
    "lists/splits/train.txt": "012_W101.mp4\n",
    "lists/splits/val.txt": "",
    "lists/splits/test.txt": "756_M004.mp4\n",
}


def test_label_method_people_and_split(tmp_path: Path) -> None:
    listing = deeperforensics.listing(tree(tmp_path, FAKE_756, FAKE_012, files=LISTS))
    empty = dict.fromkeys(COLUMNS, "")
    assert list(listing.rows.columns) == COLUMNS
    assert listing.rows.to_dict("records") == [
        {
            **empty,
            "path": FAKE_756,
            "label": FAKE,
            "method": "end_to_end",
            "target": "ffpp:756",
            "source": "deeperforensics:M004",
            "official_split": "test",
        },
        {
            **empty,
            "path": FAKE_012,
            "label": FAKE,
            "method": "end_to_end_level_3",
            "target": "ffpp:012",
            "source": "deeperforensics:W101",
            "official_split": "train",
        },
    ]


def test_all_variants_of_a_name_have_its_split(tmp_path: Path) -> None:
    other = FAKE_756.replace("end_to_end", "reenact_postprocess")
    listing = deeperforensics.listing(tree(tmp_path, FAKE_756, other, files=LISTS))
    assert listing.rows["official_split"].tolist() == ["test", "test"]


def test_people_are_named_as_in_faceforensics(tmp_path: Path) -> None:
    videos = {"755": "b 0", "756": "b 1", "012": "a 0"}
    files = {**LISTS, "conversion_dict.json": json.dumps(videos)}
    listing = deeperforensics.listing(tree(tmp_path, FAKE_756, FAKE_012, files=files))
    assert listing.rows["target"].tolist() == ["ffpp:755", "ffpp:012"]
    assert listing.notes == []


def test_missing_lists_and_dictionary_are_noted(tmp_path: Path) -> None:
    listing = deeperforensics.listing(tree(tmp_path, FAKE_756))
    assert listing.rows["official_split"].tolist() == [""]
    lists, dictionary = listing.notes
    assert lists.startswith("lists/splits/train.txt, lists/splits/val.txt, ")
    assert lists.endswith(": missing, so the official split is unknown")
    assert dictionary.startswith("conversion_dict.json is missing")


def test_actors_and_other_files_are_left_out(tmp_path: Path) -> None:
    actors = [f"source_videos/M004/light_up/happy/camera_{side}/a.mp4" for side in ("up", "down")]
    others = [
        "manipulated_videos/end_to_end/frames/756_M004/000.png",
        "manipulated_videos/end_to_end/756_X004.mp4",
        "manipulated_videos/756_M004.mp4",
    ]
    listing = deeperforensics.listing(tree(tmp_path, FAKE_756, *actors, *others, files=LISTS))
    assert listing.rows["path"].tolist() == [FAKE_756]
    absent, names, sources, _ = listing.notes
    assert absent.splitlines() == ["1 fakes in lists/splits are not on disk:", "  012_W101"]
    assert names.startswith("3 files in manipulated_videos/ ")
    assert sources.startswith(
        "2 videos in source_videos/ are left out: the real class is FaceForensics++"
    )


def test_unlisted_fake_is_kept_with_a_note(tmp_path: Path) -> None:
    listing = deeperforensics.listing(
        tree(tmp_path, FAKE_756, FAKE_012, FAKE_756.replace("756", "001"), files=LISTS)
    )
    assert listing.rows["official_split"].tolist() == ["", "test", "train"]
    assert listing.notes[0].splitlines()[1:] == ["  001_M004"]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("012_W101.mp4\n", "012_W101 is also in train.txt"),
        ("756_M004.mp4 1\n", "expected a name like 980_W010.mp4"),
        ("756\n", "expected a name like 980_W010.mp4"),
    ],
)
def test_invalid_line_of_a_list_is_named(tmp_path: Path, text: str, error: str) -> None:
    path = "lists/splits/val.txt"
    root = tree(tmp_path, FAKE_756, files={**LISTS, path: f"\n{text}"})
    with pytest.raises(ManifestError, match=error) as caught:
        deeperforensics.listing(root)
    assert str(caught.value).startswith(f"{root / path}, line 2: ")


def test_folder_of_something_else(tmp_path: Path) -> None:
    root = tree(tmp_path, "source_videos/M004/a.mp4")
    assert not deeperforensics.recognises(root)
    with pytest.raises(ManifestError, match="has no manipulated_videos/"):
        deeperforensics.listing(root)


def test_empty_folder_is_recognised_and_has_no_rows(tmp_path: Path) -> None:
    root = tree(tmp_path, "manipulated_videos/end_to_end/")
    assert deeperforensics.recognises(root)
    assert deeperforensics.listing(root).rows.empty
