"""FakeAVCeleb: label from the type, method from the table, original from the name."""

from pathlib import Path

import pytest
from trees import tree

from deepfake.base.errors import ManifestError
from deepfake.core.labels import FAKE, REAL
from deepfake.datasets.importers import fakeavceleb
from deepfake.datasets.listing import COLUMNS

PERSON = "African/men/id00076"
HEADER = "source,target1,target2,method,category,type,race,gender,path,\n"
REAL_CLIP = f"RealVideo-RealAudio/{PERSON}/00109.mp4"
FAKE_VOICE = f"RealVideo-FakeAudio/{PERSON}/00109_fake.mp4"
SWAP = f"FakeVideo-RealAudio/{PERSON}/00109_id04727_AAnyugIAXao_faceswap.mp4"
NUMBERED = f"FakeVideo-RealAudio/{PERSON}/00109_3.mp4"
LIPS = f"FakeVideo-FakeAudio/{PERSON}/00109_id00166_xyz_faceswap_id01170_wavtolip.mp4"
ALL = [REAL_CLIP, FAKE_VOICE, SWAP, NUMBERED, LIPS]


def line(path: str, method: str, target1: str = "-", target2: str = "-") -> str:
    """A line of meta_data.csv for the file at `path`; the header has no name for its last column."""
    type_name, race, gender, person, name = path.split("/")
    folder = f"FakeAVCeleb/{type_name}/{race}/{gender}/{person}"
    return f"{person},{target1},{target2},{method},X,{type_name},{race},{gender},{name},{folder}\n"


METADATA = HEADER + "".join(
    [
        line(REAL_CLIP, "real"),
        line(FAKE_VOICE, "rtvc"),
        line(SWAP, "faceswap", "id04727"),
        line(NUMBERED, "fsgan", "3", "id00475"),
        line(LIPS, "faceswap-wav2lip", "id00166", "id01170"),
    ]
)


def test_all_types_with_metadata(tmp_path: Path) -> None:
    listing = fakeavceleb.listing(tree(tmp_path, *ALL, files={"meta_data.csv": METADATA}))
    assert list(listing.rows.columns) == COLUMNS
    table = listing.rows.set_index("path").loc[ALL]
    assert table["label"].tolist() == [REAL, REAL, FAKE, FAKE, FAKE]
    assert table["method"].tolist() == ["real", "real", "faceswap", "fsgan", "faceswap-wav2lip"]
    assert table["target"].tolist() == ["fakeavceleb:id00076"] * 5
    assert table["source"].tolist() == [
        *("", ""),
        *("fakeavceleb:id04727", "fakeavceleb:id00475", "fakeavceleb:id00166"),
    ]
    assert table["original"].tolist() == ["", "", REAL_CLIP, REAL_CLIP, REAL_CLIP]
    assert (table[["compression", "official_split"]] == "").all(axis=None)
    assert listing.notes == ["1 videos of RealVideo-FakeAudio are REAL: only their audio is fake"]


def test_without_metadata(tmp_path: Path) -> None:
    listing = fakeavceleb.listing(tree(tmp_path, SWAP, NUMBERED))
    table = listing.rows.set_index("path").loc[[SWAP, NUMBERED]]
    assert table["method"].tolist() == ["FakeVideo-RealAudio"] * 2
    assert table["source"].tolist() == ["fakeavceleb:id04727", ""]
    assert table["original"].tolist() == [REAL_CLIP, REAL_CLIP]
    assert listing.notes == ["meta_data.csv is missing: the type of a fake is used as its method"]


def test_same_file_name_of_another_person(tmp_path: Path) -> None:
    other = NUMBERED.replace("id00076", "id00166")
    text = HEADER + line(NUMBERED, "fsgan") + line(other, "faceswap")
    listing = fakeavceleb.listing(tree(tmp_path, NUMBERED, other, files={"meta_data.csv": text}))
    table = listing.rows.set_index("path")
    assert table.loc[[NUMBERED, other], "method"].tolist() == ["fsgan", "faceswap"]
    assert table.loc[other, "original"] == REAL_CLIP.replace("id00076", "id00166")


def test_absent_unlisted_and_other_files_are_noted(tmp_path: Path) -> None:
    others = ["FakeVideo-RealAudio/notes.txt", f"FakeVideo-RealAudio/{PERSON}/00109_3/000.png"]
    text = HEADER + line(SWAP, "faceswap")
    listing = fakeavceleb.listing(
        tree(tmp_path, REAL_CLIP, NUMBERED, *others, files={"meta_data.csv": text})
    )
    assert sorted(listing.rows["path"]) == [NUMBERED, REAL_CLIP]
    absent, unlisted, left_out = listing.notes
    assert absent.startswith("1 videos in meta_data.csv are not on disk:")
    assert SWAP.rpartition("/")[2] in absent
    assert unlisted.startswith("2 videos are not in meta_data.csv")
    assert left_out.startswith("2 files ")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("source,type,path\n", "has no column target1 and target2 and method"),
        ("", "has no column source"),
        (HEADER + line(SWAP, "faceswap").replace("FakeVideo-", "Fake-"), "line 2: type 'Fake-"),
        (HEADER + line(REAL_CLIP, "real") + line(SWAP, "real"), "line 3: .* method 'real'"),
        (HEADER + line(SWAP, "-"), "line 2: .* method '-'"),
    ],
)
def test_invalid_metadata_is_named(tmp_path: Path, text: str, error: str) -> None:
    root = tree(tmp_path, REAL_CLIP, files={"meta_data.csv": text})
    with pytest.raises(ManifestError, match=error) as caught:
        fakeavceleb.listing(root)
    assert str(root / "meta_data.csv") in str(caught.value)


def test_metadata_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    root = tree(tmp_path, REAL_CLIP)
    (root / "meta_data.csv").write_bytes(HEADER.encode() + b"\xff\xfe\n")
    with pytest.raises(ManifestError, match="is not a CSV table in UTF-8"):
        fakeavceleb.listing(root)


@pytest.mark.parametrize("name", list(fakeavceleb.LABELS))
def test_one_type_is_enough_and_may_be_empty(tmp_path: Path, name: str) -> None:
    root = tree(tmp_path, f"{name}/")
    assert fakeavceleb.recognises(root)
    assert fakeavceleb.listing(root).rows.empty


def test_folder_of_something_else(tmp_path: Path) -> None:
    root = tree(tmp_path, "real/a.mp4", "fake/b.mp4", files={"meta_data.csv": METADATA})
    assert not fakeavceleb.recognises(root)
    with pytest.raises(ManifestError, match="has none of the folders RealVideo-RealAudio"):
        fakeavceleb.listing(root)
