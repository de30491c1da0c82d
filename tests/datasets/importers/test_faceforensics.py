"""FaceForensics++ and DFD: labels, people and originals from the names, splits from the lists."""

import json
from pathlib import Path

import pandas as pd
import pytest
from trees import tree

from deepfake.base.errors import ManifestError
from deepfake.core.labels import FAKE, REAL
from deepfake.datasets.importers import faceforensics
from deepfake.datasets.listing import COLUMNS

REALS = "original_sequences/youtube/c23/videos"
DEEPFAKES = "manipulated_sequences/Deepfakes/c23/videos"
DFD = "manipulated_sequences/DeepFakeDetection/c40/videos"
SPLITS = {
    "train.json": [["012", "026"]],
    "val.json": [["755", "030"]],
    "test.json": [["756", "040"]],
}


def lists(**more: object) -> dict[str, str]:
    """The official lists as text by name; `more` replaces some of them."""
    return {name: json.dumps(content) for name, content in {**SPLITS, **more}.items()}


def rows_of(root: Path) -> pd.DataFrame:
    return faceforensics.listing(root).rows.set_index("path")


def test_real_and_fake_of_one_pair(tmp_path: Path) -> None:
    root = tree(tmp_path, f"{REALS}/012.mp4", f"{DEEPFAKES}/012_026.mp4", files=lists())
    table = faceforensics.listing(root).rows
    assert list(table.columns) == COLUMNS
    assert table.sort_values("label").to_dict("records") == [
        {
            **dict.fromkeys(COLUMNS, ""),
            "path": f"{REALS}/012.mp4",
            "label": REAL,
            "method": "real",
            "compression": "c23",
            "target": "ffpp:012",
            "official_split": "train",
        },
        {
            "path": f"{DEEPFAKES}/012_026.mp4",
            "label": FAKE,
            "method": "Deepfakes",
            "compression": "c23",
            "target": "ffpp:012",
            "source": "ffpp:026",
            "original": f"{REALS}/012.mp4",
            "official_split": "train",
        },
    ]


def test_any_method_in_any_compression(tmp_path: Path) -> None:
    methods = ["Face2Face/raw", "NeuralTextures/c40", "FaceShifter/c23", "MyOwn/c23"]
    paths = [f"manipulated_sequences/{method}/videos/001_002.mp4" for method in methods]
    table = rows_of(tree(tmp_path, *paths)).loc[paths]
    assert table["method"].tolist() == ["Face2Face", "NeuralTextures", "FaceShifter", "MyOwn"]
    assert table["compression"].tolist() == ["raw", "c40", "c23", "c23"]
    assert table["original"].tolist() == [
        f"original_sequences/youtube/{compression}/videos/001.mp4"
        for compression in ("raw", "c40", "c23", "c23")
    ]


def test_dfd_has_other_people_and_no_official_split(tmp_path: Path) -> None:
    fake = f"{DFD}/01_02__walking_down_street__YVGY8LOK.mp4"
    real = "original_sequences/actors/c40/videos/01__walking_down_street.mp4"
    listing = faceforensics.listing(tree(tmp_path, fake, real, files=lists()))
    table = listing.rows.set_index("path")
    assert table.loc[fake].to_dict() == {
        "label": FAKE,
        "method": "DeepFakeDetection",
        "compression": "c40",
        "target": "dfd:01",
        "source": "dfd:02",
        "original": real,
        "official_split": "",
    }
    assert table.loc[real].to_dict() == {
        **dict.fromkeys(COLUMNS[1:], ""),
        "label": REAL,
        "method": "real",
        "compression": "c40",
        "target": "dfd:01",
    }
    assert listing.notes == []  # DFD needs no conversion dictionary


@pytest.mark.parametrize("place", ["", "splits/", "dataset/", "dataset/splits/"])
def test_pairs_match_in_either_order_and_in_every_folder(tmp_path: Path, place: str) -> None:
    files = {place + name: text for name, text in lists().items()}
    names = [f"{REALS}/030.mp4", *(f"{DEEPFAKES}/{n}.mp4" for n in ("026_012", "755_030"))]
    table = rows_of(tree(tmp_path, *names, files=files))
    assert table.loc[names, "official_split"].tolist() == ["val", "train", "val"]


def test_fake_of_an_unlisted_pair_has_no_official_split(tmp_path: Path) -> None:
    # Both sequences are in train or val, but not with each other.
    table = rows_of(tree(tmp_path, f"{DEEPFAKES}/012_030.mp4", files=lists()))
    assert table["official_split"].tolist() == [""]


def test_missing_lists_are_noted(tmp_path: Path) -> None:
    files = {"train.json": json.dumps(SPLITS["train.json"])}
    listing = faceforensics.listing(
        tree(tmp_path, f"{REALS}/012.mp4", f"{REALS}/030.mp4", files=files)
    )
    assert listing.rows["official_split"].tolist() == ["train", ""]
    assert "val.json, test.json: missing, so the official split is unknown" in listing.notes


def test_sequences_of_one_youtube_video_are_one_person(tmp_path: Path) -> None:
    videos = {"030": "a 0", "755": "b 0", "756": "b 1", "040": "c_-x 0"}
    files = {"splits/conversion_dict.json": json.dumps(videos), **lists()}
    names = [f"{REALS}/755.mp4", f"{REALS}/756.mp4", f"{DEEPFAKES}/040_756.mp4"]
    listing = faceforensics.listing(tree(tmp_path, *names, files=files))
    table = listing.rows.set_index("path").loc[names]
    assert table["target"].tolist() == ["ffpp:755", "ffpp:755", "ffpp:040"]
    assert table["source"].tolist() == ["", "", "ffpp:755"]
    assert table["official_split"].tolist() == ["val", "test", "test"]  # still by sequence
    assert listing.notes == []


def test_missing_conversion_is_noted(tmp_path: Path) -> None:
    listing = faceforensics.listing(tree(tmp_path, f"{REALS}/756.mp4", files=lists()))
    assert listing.rows["target"].tolist() == ["ffpp:756"]
    assert [note.startswith("conversion_dict.json is missing") for note in listing.notes] == [True]


def test_other_files_are_left_out(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        f"{REALS}/012.mp4",
        "original_sequences/youtube/c23/images/012/0000.png",
        "manipulated_sequences/Deepfakes/masks/videos/012_026.mp4",
        "manipulated_sequences/Deepfakes/c23/masks/012_026.mp4",
        f"{DEEPFAKES}/012-026.mp4",
        f"{DEEPFAKES}/012_026.txt",
        f"{DEEPFAKES}/.012_026.mp4",
    )
    listing = faceforensics.listing(root)
    assert listing.rows["path"].tolist() == [f"{REALS}/012.mp4"]
    folders, files = listing.notes[-2:]
    assert folders.splitlines()[1:] == [
        "  manipulated_sequences/Deepfakes/c23/masks",
        "  original_sequences/youtube/c23/images",
    ]
    assert files.startswith("3 files in videos/ ")


@pytest.mark.parametrize(
    ("name", "text", "error"),
    [
        ("val.json", "[[", "is not JSON"),
        ("val.json", '["755"]', "entry 0"),
        ("val.json", '[["755", "030"], ["1", "2"]]', "entry 1"),
        ("val.json", '{"755": "030"}', "holds a dict, not a list"),
        ("val.json", '[["755", "026"]]', "026 is also in train.json"),
        ("val.json", '[["026", "012"]]', "012 and 026 is also in train.json"),
        ("conversion_dict.json", '["a 0"]', "holds a list, not a dict"),
        ("conversion_dict.json", '{"755": ""}', "must be like"),
        ("conversion_dict.json", '{"video": "a 0"}', "must be like"),
    ],
)
def test_invalid_list_is_named(tmp_path: Path, name: str, text: str, error: str) -> None:
    root = tree(tmp_path, f"{REALS}/012.mp4", files={**lists(), name: text})
    with pytest.raises(ManifestError, match=error) as caught:
        faceforensics.listing(root)
    assert str(root / name) in str(caught.value)


def test_folder_of_something_else(tmp_path: Path) -> None:
    root = tree(tmp_path, "real/012.mp4", "original_sequences/", files=lists())
    assert not faceforensics.recognises(root)
    with pytest.raises(ManifestError, match=r"has no original_sequences/\*/\*/videos"):
        faceforensics.listing(root)


@pytest.mark.parametrize("folder", [REALS, DFD])
def test_empty_folder_is_recognised_and_has_no_rows(tmp_path: Path, folder: str) -> None:
    root = tree(tmp_path, f"{folder}/")
    assert faceforensics.recognises(root)
    assert faceforensics.listing(root).rows.empty


def test_published_lists(tmp_path: Path, repository: Path) -> None:
    """All 1000 sequences and the 1000 fakes of one method: 360, 70 and 70 pairs, 977 people."""
    lists_folder = repository.parent / "shared" / "bench" / "dataset_files"
    if not lists_folder.is_dir():
        pytest.skip(f"needs the data set's own lists in {lists_folder}")
    files = {
        f"{split}.json": (lists_folder / f"ffpp_split_{split}.json").read_text()
        for split in ("train", "val", "test")
    }
    files["conversion_dict.json"] = (lists_folder / "ffpp_conversion_dict.json").read_text()
    pairs = [
        pair for split in ("train", "val", "test") for pair in json.loads(files[f"{split}.json"])
    ]
    fakes = [f"{DEEPFAKES}/{a}_{b}.mp4" for pair in pairs for a, b in (pair, pair[::-1])]
    root = tree(tmp_path, *(f"{REALS}/{i:03}.mp4" for i in range(1000)), *fakes, files=files)
    listing = faceforensics.listing(root)
    for _, rows in listing.rows.groupby("label"):
        assert rows["official_split"].value_counts().to_dict() == {
            "train": 720,
            "val": 140,
            "test": 140,
        }
        assert rows["target"].nunique() == 977
    assert set(listing.rows["original"]) == {"", *(f"{REALS}/{i:03}.mp4" for i in range(1000))}
    assert listing.notes == []
