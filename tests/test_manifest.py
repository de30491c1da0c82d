"""The manifest: what is in it, and every mistake named."""

from pathlib import Path

import pytest

from deepfake import manifest
from deepfake.datasets import COLUMNS
from deepfake.errors import ManifestError


def data_set(root: Path, labels: str, *files: str) -> Path:
    """A folder with labels.csv and files of a byte each."""
    root.mkdir(exist_ok=True)
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    (root / "labels.csv").write_text(labels)
    return root


def test_rows_are_complete_and_sorted(tmp_path: Path) -> None:
    labels = (
        "label,path,method,target,source,original,compression,official_split,note\n"
        "FAKE,fake/b.MP4,swap,anna,bob,real/a.mp4,c23,test,x\n"
        "real,real/a.mp4,real,anna,,,c23,test,\n"
        "1,c.d.png,gan,,,,,,\n"
    )
    root = data_set(tmp_path, labels, "fake/b.MP4", "real/a.mp4", "c.d.png")
    table = manifest.build_manifest(root, "demo", "csv")
    assert list(table.columns) == list(manifest.SCHEMA.columns)
    rows = [
        ("demo/c.d", "c.d.png", 1, "demo", "gan", "", "", "", "", "", "image"),
        (
            *("demo/fake/b", "fake/b.MP4", 1, "demo", "swap", "c23", "anna", "bob"),
            *("demo/real/a", "test", "video"),
        ),
        ("demo/real/a", "real/a.mp4", 0, "demo", "real", "c23", "anna", "", "", "test", "video"),
    ]
    assert list(table.itertuples(index=False, name=None)) == rows


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.mp4", "video"), ("a.WebM", "video"), ("a.gif", "video"), ("a.JPG", "image")],
)
def test_kind_follows_the_suffix(tmp_path: Path, name: str, kind: str) -> None:
    root = data_set(tmp_path, f"path,label\n{name},0\n", name)
    assert manifest.build_manifest(root, "demo", "csv")["kind"].tolist() == [kind]


@pytest.mark.parametrize(
    ("rows", "complaints"),
    [
        ("a.mp4,0,\na.mp4,1,\n", ["a.mp4: video_id is 'demo/a'", "a.mp4: path is 'a.mp4'"]),
        ("a.mp4,0,\na.avi,1,\n", ["a.mp4: video_id is 'demo/a'", "a.avi: video_id is 'demo/a'"]),
        ("a.mp4,0,\n./a.mp4,1,\n", ["./a.mp4: video_id is 'demo/a'"]),
        ("none.mp4,0,\n", ["none.mp4: no such file"]),
        ("folder.mp4,0,\n", ["folder.mp4: no such file"]),
        ("../outside.mp4,0,\n", ["../outside.mp4: must be a path below "]),
        ("/outside.mp4,0,\n", ["/outside.mp4: must be a path below "]),
        ("a.txt,0,\n", ["a.txt: kind is 'unknown type .txt'"]),
        ("a,0,\n", ["a: kind is 'unknown type without suffix'"]),
        (",0,\n", [""]),
        (".,0,\n", ["."]),
        ("a.mp4,0,\nb.mp4,1,c.mp4\n", ["b.mp4: its original c.mp4 is not a REAL row"]),
        ("a.mp4,1,\nb.mp4,1,a.mp4\n", ["b.mp4: its original demo/a is not a REAL row"]),
        ("b.mp4,1,b.mp4\n", ["b.mp4: its original demo/b is not a REAL row"]),
    ],
)
def test_mistakes_are_named(tmp_path: Path, rows: str, complaints: list[str]) -> None:
    files = ["a.mp4", "a.avi", "b.mp4", "a.txt", "a", "folder.mp4/inside.mp4"]
    (tmp_path / "outside.mp4").write_bytes(b"x")
    root = data_set(tmp_path / "root", "path,label,original\n" + rows, *files)
    with pytest.raises(ManifestError) as caught:
        manifest.build_manifest(root, "demo", "csv")
    assert str(caught.value).startswith(str(root))
    for complaint in complaints:
        assert f"\n  {complaint}" in str(caught.value)


def test_all_mistakes_are_counted_and_the_first_shown(tmp_path: Path) -> None:
    rows = "".join(f"{i:02d}.mp4,0\n" for i in range(25))
    root = data_set(tmp_path, "path,label\n" + rows)
    with pytest.raises(ManifestError) as caught:
        manifest.build_manifest(root, "demo", "csv")
    first, *lines = str(caught.value).splitlines()
    assert first == f"{root} has 25 mistakes:"
    assert lines == [f"  {i:02d}.mp4: no such file" for i in range(20)] + ["  ... and 5 more"]


@pytest.mark.parametrize("layout", ["csv", "folders"])
def test_nothing_to_list(tmp_path: Path, layout: str) -> None:
    root = data_set(tmp_path, "path,label\n")
    (root / "real").mkdir()
    (root / "fake").mkdir()
    with pytest.raises(ManifestError, match=f"no videos or images below {root} for .* {layout}"):
        manifest.build_manifest(root, "demo", layout)


def test_root_is_not_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for root in (tmp_path / "none", tmp_path / "file"):
        with pytest.raises(ManifestError, match=rf"dataset\.root {root} is not a folder"):
            manifest.build_manifest(root, "demo", "csv")


def test_folders_layout(tmp_path: Path) -> None:
    root = data_set(tmp_path, "", "real/a.mp4", "fake/a.mp4", "fake/swap/b.jpg", "fake/notes.txt")
    with pytest.raises(ManifestError, match=r"1 mistakes:\n  fake/notes\.txt: kind is 'unknown"):
        manifest.build_manifest(root, "mine", "folders")
    (root / "fake/notes.txt").unlink()
    table = manifest.build_manifest(root, "mine", "folders")
    assert table["video_id"].tolist() == ["mine/fake/a", "mine/fake/swap/b", "mine/real/a"]
    assert table["label"].tolist() == [1, 1, 0]


def test_demo_is_valid(demo_root: Path) -> None:
    table = manifest.build_manifest(demo_root, "demo", "csv")
    assert table["label"].value_counts().to_dict() == {0: 106, 1: 103}
    fakes = table[table["label"] == 1]
    originals = fakes["original"].map(table.set_index("video_id")["target"])
    assert originals.tolist() == fakes["target"].tolist()
    assert table["target"].nunique() == 46


def test_every_importer_gives_the_same_columns(tmp_path: Path) -> None:
    root = data_set(tmp_path, "path,label\na.mp4,0\n", "real/a.mp4", "fake/b.mp4")
    tables = [rows(root) for rows in manifest.LAYOUTS.values()]
    assert [list(table.columns) for table in tables] == [COLUMNS, COLUMNS]
