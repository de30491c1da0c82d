"""Scanning a data set: its layout is detected, rows are completed, unusable files are reported."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from layouts import TREES
from trees import dvc, git, tree

from deepfake.base.errors import ManifestError
from deepfake.datasets import scanning
from deepfake.datasets.listing import COLUMNS


@pytest.mark.parametrize("layout", scanning.LAYOUTS)
def test_every_layout_is_detected_and_gives_the_same_columns(
    tmp_path: Path, layout: str, capsys: pytest.CaptureFixture[str]
) -> None:
    names, files = TREES[layout]
    root = tree(tmp_path / "root", *names, files=files)
    assert scanning.detect_layout(root) == layout
    assert list(scanning.LAYOUTS[layout].listing(root).rows.columns) == COLUMNS
    listing = scanning.scan(root, "mine", "auto", "*")
    assert len(listing.rows) == len(names)
    assert listing.notes[0] == f"layout: {layout} (detected)"
    assert (listing.rows["sha256"].str.len() == 64).all()
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


def test_only_paths_that_match_include_are_listed(tmp_path: Path) -> None:
    root = tree(tmp_path, *(f"{k}/{c}/x.mp4" for k in ("real", "fake") for c in ("c23", "c40")))
    listing = scanning.scan(root, "mine", "folders", "*/c23/*")
    assert listing.rows["path"].tolist() == ["fake/c23/x.mp4", "real/c23/x.mp4"]
    assert "2 of 4 videos do not match */c23/*, left out" in listing.notes
    with pytest.raises(ManifestError, match="has no videos or images"):
        scanning.scan(root, "mine", "folders", "*/raw/*")


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        ("none.mp4,0\n", "none.mp4: no such file"),
        ("../outside.mp4,0\n", "../outside.mp4: must be a path below "),
        ("/outside.mp4,0\n", "/outside.mp4: must be a path below "),
        ("a.txt,0\n", "a.txt: unknown type .txt"),
        ("a,0\n", "a: unknown type without suffix"),
    ],
)
def test_unusable_paths_are_named(tmp_path: Path, rows: str, error: str) -> None:
    root = tree(tmp_path / "root", "a.txt", "a", files={"labels.csv": "path,label\n" + rows})
    (tmp_path / "outside.mp4").write_bytes(b"x")
    with pytest.raises(ManifestError) as caught:
        scanning.scan(root, "mine", "csv", "*")
    assert f"\n  {error}" in str(caught.value)


def test_empty_files_are_noted(tmp_path: Path) -> None:
    root = tree(tmp_path, "real/a.mp4", files={"fake/b.mp4": ""})
    listing = scanning.scan(root, "mine", "folders", "*")
    assert listing.rows.set_index("path")["sha256"]["fake/b.mp4"] == ""
    assert "fake/b.mp4: is empty" in listing.notes


@pytest.mark.parametrize(
    ("names", "error"),
    [
        ((), "root matches no known layout: set its layout in params.yaml to one of csv, "),
        (
            ("Celeb-real/id0_0000.mp4", "real_train/1/0.png"),
            r"root matches several layouts \(celebdf, wilddeepfake\): set its layout",
        ),
    ],
)
def test_layout_that_cannot_be_detected(tmp_path: Path, names: tuple[str, ...], error: str) -> None:
    with pytest.raises(ManifestError, match=error):
        scanning.scan(tree(tmp_path / "root", *names, "notes/"), "mine", "auto", "*")


def test_invalid_settings(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="layout zip is not known"):
        scanning.scan(tmp_path, "mine", "zip", "*")
    with pytest.raises(ManifestError, match="is not a folder: set the root of mine"):
        scanning.scan(tmp_path / "none", "mine", "auto", "*")
    with pytest.raises(ManifestError, match=r"no videos or images: check .*\n  layout: folders$"):
        scanning.scan(tree(tmp_path, "real/", "fake/"), "mine", "folders", "*")


def test_demo_is_valid(demo_root: Path) -> None:
    table = scanning.scan(demo_root, "demo", "csv", "*").rows
    assert table["label"].value_counts().to_dict() == {0: 106, 1: 103}
    fakes = table[table["label"] == 1]
    originals = fakes["original"].map(table.set_index("video_id")["target"])
    assert originals.tolist() == fakes["target"].tolist()
    assert table["target"].nunique() == 46


def test_everything_named_like_a_video_is_a_row(tmp_path: Path) -> None:
    """Broken links and folders named like a video are reported by later stages, not skipped."""
    root = tree(tmp_path / "root", "real/a.mp4", "fake/b.mp4", "fake/c.mp4/00.png")
    (root / "real/link.mp4").symlink_to(root / "gone.mp4")
    listing = scanning.scan(root, "d", "auto", "*")
    kinds = dict(zip(listing.rows["path"], listing.rows["kind"], strict=True))
    assert kinds == {
        "fake/b.mp4": "video",
        "fake/c.mp4": "frames",
        "real/a.mp4": "video",
        "real/link.mp4": "video",
    }
    assert "real/link.mp4: cannot be opened: No such file or directory" in listing.notes


LINKED = {  # a folder of each layout that may be a link to another disk
    "csv": "clips",
    "faceforensics": "original_sequences/youtube",
    "dfdc": "part_0",
    "dfdc_preview": "original_videos/1",
    "celebdf": "Celeb-real",
    "deeperforensics": "manipulated_videos/end_to_end",
    "uadfv": "fake",
    "wilddeepfake": "real_train/1",
    "fakeavceleb": "RealVideo-RealAudio/African/men",
    "df40": "simswap/ff/frames/000_003",
    "deepfake_eval_2024": "video-data",
    "deepfakebench": "rgb/UADFV/real/frames/0000",
    "folders": "fake",
}


@pytest.mark.parametrize("layout", scanning.LAYOUTS)
def test_every_layout_enters_linked_folders(tmp_path: Path, layout: str) -> None:
    names, files = TREES[layout]
    if layout == "csv":
        names, files = ("clips/a.mp4",), {"labels.csv": "path,label\nclips/a.mp4,0\n"}
    before = scanning.scan(tree(tmp_path / "real", *names, files=files), "mine", layout, "*")
    root = tree(tmp_path / "linked", *names, files=files)
    link, target = root / LINKED[layout], tmp_path / "elsewhere"
    link.rename(target)
    link.symlink_to(target)
    after = scanning.scan(root, "mine", "auto", "*")
    assert after.rows.equals(before.rows)
    assert after.notes[-1] == (
        "1 linked folders, whose changes DVC does not see; after a change, run"
        f" `dvc repro --force scan@mine`:\n  {LINKED[layout]}"
    )


@pytest.mark.slow
def test_dvc_follows_a_linked_root_and_no_linked_folder_below_it(tmp_path: Path) -> None:
    """As docs/your-data.md says."""
    project = tree(tmp_path / "project", "raw/a.mp4")
    stage = "stages: {{scan: {{cmd: echo > out, deps: [{}], outs: [out]}}}}\n"
    git(project, "init", "--quiet")
    dvc(project, "init", "--quiet")
    for root, link in (("raw", "raw/link"), ("root", "root")):
        elsewhere = tree(tmp_path / f"elsewhere_{root}", "b.mp4")
        (project / link).symlink_to(elsewhere)
        tree(project, files={"dvc.yaml": stage.format(root)})
        dvc(project, "repro")
        tree(elsewhere, files={"b.mp4": "another"})
        changed = subprocess.run([sys.executable, "-m", "dvc", "status", "--quiet"], cwd=project)
        assert changed.returncode == (1 if link == root else 0)


def test_a_photo_beside_a_video_of_its_name(tmp_path: Path) -> None:
    """As phones write live photos. The video keeps its id when the photo arrives."""
    root = tree(tmp_path, "real/IMG_1.MOV", "fake/b.mp4")
    before = scanning.scan(root, "d", "auto", "*").rows
    tree(tmp_path, "real/IMG_1.JPG")
    after = scanning.scan(root, "d", "auto", "*").rows
    ids = dict(zip(after["path"], after["video_id"], strict=True))
    assert ids["real/IMG_1.JPG"] == "d/real/IMG_1~image"
    assert [ids[path] for path in before["path"]] == before["video_id"].tolist()


def test_the_original_of_a_fake_may_be_a_photo_beside_a_video(tmp_path: Path) -> None:
    labels = "path,label,original\na.jpg,REAL,\na.mov,REAL,\nb.jpg,FAKE,a.jpg\nc.mov,FAKE,a.mov\n"
    root = tree(tmp_path, "a.jpg", "a.mov", "b.jpg", "c.mov", files={"labels.csv": labels})
    rows = scanning.scan(root, "d", "csv", "*").rows.set_index("path")
    assert rows["original"].to_dict() == {
        **{"a.jpg": "", "a.mov": ""},
        **{"b.jpg": "d/a~image", "c.mov": "d/a"},
    }


@pytest.mark.parametrize(
    "names",
    [
        ("real/a.JPG", "real/a.heic"),
        ("real/a.mov", "real/a.mp4"),
        ("real/a.mp4", "real/a.tar"),
        ("real/a.jpg", "real/a.mp4", "real/a~image.png"),
    ],
)
def test_files_of_one_kind_and_name_are_an_error_that_names_both(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    root = tree(tmp_path / "root", *names, "fake/b.mp4")
    with pytest.raises(ManifestError) as caught:
        scanning.scan(root, "d", "auto", "*")
    first, second = [name for name in names if name != "real/a.mp4" or len(names) < 3]
    assert str(caught.value).splitlines()[1] == (
        f"  {first} and {second} have the same video_id, d/{Path(second).with_suffix('')}: rename"
        " one, or select one with include"
    )
    assert len(scanning.scan(root, "d", "auto", f"*{Path(names[-1]).suffix}").rows) > 0


def test_names_in_notes_are_utf8(tmp_path: Path) -> None:
    """The report of the manifest is."""
    root = tree(tmp_path / "root", "real/a.mp4", "fake/b.mp4")
    Path(os.fsdecode(os.fsencode(root) + b"/caf\xe9.txt")).write_bytes(b"x")
    notes = scanning.scan(root, "d", "auto", "*").notes
    assert notes[1].endswith("left out:\n  caf\\udce9.txt")
    assert all(note.encode() for note in notes)


def test_name_that_is_not_utf8_is_left_out_with_a_note(tmp_path: Path) -> None:
    root = tree(tmp_path / "root", "real/a.mp4", "fake/b.mp4")
    Path(os.fsdecode(os.fsencode(root) + b"/real/caf\xe9.mp4")).write_bytes(b"x")
    listing = scanning.scan(root, "d", "auto", "*")
    assert listing.rows["path"].tolist() == ["fake/b.mp4", "real/a.mp4"]
    assert listing.notes[1:] == [
        r"real/caf\udce9.mp4: left out because its name is not UTF-8; rename it"
    ]


def test_slices_need_a_table(tmp_path: Path) -> None:
    root = tree(tmp_path, "real/a.mp4", "fake/b.mp4")
    with pytest.raises(ManifestError, match=r"slices \(gender\), which need layout csv"):
        scanning.scan(root, "mine", "folders", "*", ["gender"])
