"""A data set on disk: its layout, ids that are unique, paths that are there, files that open."""

import hashlib
import os
from pathlib import Path

import pytest
from trees import tree

from deepfake.base.errors import ManifestError
from deepfake.datasets import scanning
from deepfake.datasets.listing import COLUMNS

# A few names that only one layout has, and a table where it needs one.
TREES: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "csv": (("a.mp4",), {"labels.csv": "path,label\na.mp4,0\n"}),
    "faceforensics": (("original_sequences/youtube/c23/videos/000.mp4",), {}),
    "dfdc": (("part_0/a.mp4",), {"part_0/metadata.json": '{"a.mp4": {"label": "REAL"}}'}),
    "dfdc_preview": (
        ("original_videos/1/1_A_001.mp4",),
        {"dataset.json": '{"original_videos/1/1_A_001.mp4": {"label": "real"}}'},
    ),
    "celebdf": (("Celeb-real/id0_0000.mp4",), {}),
    "deeperforensics": (("manipulated_videos/end_to_end/000_M101.mp4",), {}),
    "uadfv": (("real/0000.mp4", "fake/0000_fake.mp4"), {}),
    "wilddeepfake": (("real_train/1/0.png",), {}),
    "fakeavceleb": (("RealVideo-RealAudio/African/men/id00076/00109.mp4",), {}),
    "df40": (("simswap/ff/frames/000_003/000.png",), {}),
    "deepfake_eval_2024": (
        ("video-data/a.mp4",),
        {"video.csv": "Filename,Video Ground Truth\na.mp4,Real\n"},
    ),
    "deepfakebench": (
        ("rgb/UADFV/real/frames/0000/000.png",),
        {
            "UADFV.json": '{"UADFV": {"UADFV_Real": {"train": {"0000": {"label": "UADFV_Real",'
            ' "frames": ["C:\\\\x\\\\rgb\\\\UADFV\\\\real\\\\frames\\\\0000\\\\000.png"]}}}}}'
        },
    ),
    "folders": (("real/a.mp4", "fake/b.mp4"), {}),
}


@pytest.mark.parametrize("layout", scanning.LAYOUTS)
def test_every_layout_is_recognised_and_gives_the_same_columns(
    tmp_path: Path, layout: str, capsys: pytest.CaptureFixture[str]
) -> None:
    names, files = TREES[layout]
    root = tree(tmp_path / "root", *names, files=files)
    assert scanning.pick_layout(root) == layout
    assert list(scanning.LAYOUTS[layout].listing(root).rows.columns) == COLUMNS
    found = scanning.scan(root, "mine", "auto", "*")
    assert len(found.rows) == len(names)
    assert found.notes[0] == f"read as layout {layout}, recognised by its folders"
    assert (found.rows["sha256"].str.len() == 64).all()
    assert capsys.readouterr().out == ""


def test_rows_are_complete(tmp_path: Path) -> None:
    labels = (
        "label,path,original\nFAKE,fake/b.MP4,real/a.mp4\nreal,real/a.mp4,\n1,c.d.png,gone.avi\n"
    )
    root = tree(tmp_path, "fake/b.MP4", "real/a.mp4", "c.d.png", files={"labels.csv": labels})
    rows = scanning.scan(root, "demo", "csv", "*").rows
    assert rows[["video_id", "kind", "original"]].values.tolist() == [
        ["demo/c.d", "image", "demo/gone"],
        ["demo/fake/b", "video", "demo/real/a"],
        ["demo/real/a", "video", ""],
    ]
    assert rows["sha256"][2] == hashlib.sha256(b"real/a.mp4").hexdigest()


def test_only_what_is_wanted(tmp_path: Path) -> None:
    root = tree(tmp_path, *(f"{k}/{c}/x.mp4" for k in ("real", "fake") for c in ("c23", "c40")))
    found = scanning.scan(root, "mine", "folders", "*/c23/*")
    assert found.rows["path"].tolist() == ["fake/c23/x.mp4", "real/c23/x.mp4"]
    assert "2 of 4 videos do not match */c23/*" in found.notes
    with pytest.raises(ManifestError, match="no videos or images"):
        scanning.scan(root, "mine", "folders", "*/raw/*")


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ("none.mp4,0\n", "none.mp4: no such file"),
        ("../outside.mp4,0\n", "../outside.mp4: must be a path below "),
        ("/outside.mp4,0\n", "/outside.mp4: must be a path below "),
        ("a.txt,0\n", "a.txt: unknown type .txt"),
        ("a,0\n", "a: unknown type without suffix"),
    ],
)
def test_wrong_paths_are_named(tmp_path: Path, rows: str, complaint: str) -> None:
    root = tree(tmp_path / "root", "a.txt", "a", files={"labels.csv": "path,label\n" + rows})
    (tmp_path / "outside.mp4").write_bytes(b"x")
    with pytest.raises(ManifestError) as caught:
        scanning.scan(root, "mine", "csv", "*")
    assert f"\n  {complaint}" in str(caught.value)


def test_files_without_content_are_told(tmp_path: Path) -> None:
    root = tree(tmp_path, "real/a.mp4", files={"fake/b.mp4": ""})
    found = scanning.scan(root, "mine", "folders", "*")
    assert found.rows.set_index("path")["sha256"]["fake/b.mp4"] == ""
    assert "fake/b.mp4: is empty" in found.notes


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        ((), "is like none that is known"),
        (("Celeb-real/id0_0000.mp4", "real_train/1/0.png"), "may be any of celebdf, wilddeepfake"),
    ],
)
def test_layouts_that_cannot_be_told(
    tmp_path: Path, names: tuple[str, ...], complaint: str
) -> None:
    with pytest.raises(ManifestError, match=complaint):
        scanning.scan(tree(tmp_path, *names), "mine", "auto", "*")


def test_wrong_settings(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="layout zip is not known"):
        scanning.scan(tmp_path, "mine", "zip", "*")
    with pytest.raises(ManifestError, match="is not a folder: set the root of mine"):
        scanning.scan(tmp_path / "none", "mine", "auto", "*")
    with pytest.raises(ManifestError, match=r"no videos or images .*, 1 notes"):
        scanning.scan(tree(tmp_path, "real/", "fake/"), "mine", "folders", "*")


def test_demo_is_valid(demo_root: Path) -> None:
    table = scanning.scan(demo_root, "demo", "csv", "*").rows
    assert table["label"].value_counts().to_dict() == {0: 106, 1: 103}
    fakes = table[table["label"] == 1]
    originals = fakes["original"].map(table.set_index("video_id")["target"])
    assert originals.tolist() == fakes["target"].tolist()
    assert table["target"].nunique() == 46


def test_what_looks_like_a_video_is_a_row_whatever_it_is(tmp_path: Path) -> None:
    """A broken link and a folder called like a video are told later, not passed over."""
    root = tree(tmp_path / "root", "real/a.mp4", "fake/b.mp4", "fake/c.mp4/00.png")
    (root / "real/link.mp4").symlink_to(root / "gone.mp4")
    found = scanning.scan(root, "d", "auto", "*")
    kinds = dict(zip(found.rows["path"], found.rows["kind"], strict=True))
    assert kinds == {
        "fake/b.mp4": "video",
        "fake/c.mp4": "frames",
        "real/a.mp4": "video",
        "real/link.mp4": "video",
    }
    assert "real/link.mp4: cannot be opened: No such file or directory" in found.notes


def test_a_name_that_is_no_text_is_left_out_with_a_note(tmp_path: Path) -> None:
    root = tree(tmp_path / "root", "real/a.mp4", "fake/b.mp4")
    Path(os.fsdecode(os.fsencode(root) + b"/real/caf\xe9.mp4")).write_bytes(b"x")
    found = scanning.scan(root, "d", "auto", "*")
    assert found.rows["path"].tolist() == ["fake/b.mp4", "real/a.mp4"]
    assert found.notes[1:] == [
        r"real/caf\udce9.mp4: left out, since its name is not UTF-8: rename it"
    ]
