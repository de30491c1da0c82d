"""labels.csv: labels in any case, optional columns, invalid tables."""

from pathlib import Path

import pytest
from trees import tree

from deepfake.base.errors import ManifestError
from deepfake.datasets.importers import csv_file
from deepfake.datasets.scanning import detect_layout


def rows(root: Path, content: str | bytes) -> list[dict[str, object]]:
    data = content.encode() if isinstance(content, str) else content
    (root / "labels.csv").write_bytes(data)
    return csv_file.listing(root).rows.to_dict("records")


@pytest.mark.parametrize(
    ("text", "label", "method"),
    [
        ("REAL", 0, "real"),
        ("real", 0, "real"),
        ("Real", 0, "real"),
        (" real ", 0, "real"),
        ("0", 0, "real"),
        ("FAKE", 1, "fake"),
        ("fAkE", 1, "fake"),
        ("1", 1, "fake"),
    ],
)
def test_labels_in_any_case(tmp_path: Path, text: str, label: int, method: str) -> None:
    (video,) = rows(tmp_path, f"path,label\na.mp4,{text}\n")
    assert (video["label"], video["method"]) == (label, method)


@pytest.mark.parametrize("text", ["", "2", "-1", "0.0", "true", "genuine", "real fake"])
def test_invalid_labels_are_named_with_their_row(tmp_path: Path, text: str) -> None:
    with pytest.raises(ManifestError) as caught:
        rows(tmp_path, f"path,label\na.mp4,0\nb.mp4,{text}\nc.mp4,1\n")
    message = str(caught.value)
    assert str(tmp_path / "labels.csv") in message
    assert message.splitlines()[1:] == [f"  row 3: {text!r}"]


def test_missing_columns_are_empty(tmp_path: Path) -> None:
    (video,) = rows(tmp_path, "path,label,note\na.mp4,0,hello\n")
    empty = dict.fromkeys(["compression", "target", "source", "original", "official_split"], "")
    assert video == {"path": "a.mp4", "label": 0, "method": "real", **empty}


def test_the_source_of_a_real_video_is_ignored(tmp_path: Path) -> None:
    """Some tables call the origin of a photo its source: all its photos would be one person."""
    (tmp_path / "labels.csv").write_text("path,label,source\na.jpg,0,celeba\nb.jpg,1,anna\n")
    found = csv_file.listing(tmp_path)
    assert found.rows["source"].tolist() == ["", "anna"]
    assert found.notes == ["source of 1 REAL rows ignored: it names whose face was put into a fake"]


def test_given_columns_are_text(tmp_path: Path) -> None:
    (video,) = rows(tmp_path, "path,label,method,target,source,original\n1.mp4,1,NA,007,1.0,null\n")
    assert [video[key] for key in ("path", "method", "target", "source", "original")] == [
        *("1.mp4", "NA", "007", "1.0", "null")
    ]


@pytest.mark.parametrize(
    ("header", "row", "target"),
    [
        ("identity", "anna", "anna"),
        ("identity,target", "anna,bob", "bob"),
        ("target", "bob", "bob"),
    ],
)
def test_identity_is_used_as_target(tmp_path: Path, header: str, row: str, target: str) -> None:
    (video,) = rows(tmp_path, f"path,label,{header}\na.mp4,0,{row}\n")
    assert video["target"] == target


def test_table_saved_by_a_spreadsheet(tmp_path: Path) -> None:
    """A byte order mark, CRLF line ends, and cells missing at the end of a row."""
    videos = rows(tmp_path, "\ufeffpath,label,target\r\na.mp4,0\r\nZoë.mp4,1,Zoë\r\n".encode())
    assert [video["path"] for video in videos] == ["a.mp4", "Zoë.mp4"]
    assert [video["target"] for video in videos] == ["", "Zoë"]


def test_files_that_the_table_lacks_are_noted(tmp_path: Path) -> None:
    """Frames of a video in the table, and files that it names by a link, are in the table."""
    names = ("a.mp4", "b.mp4", "sub/c.jpg", "frames/0.png", "elsewhere/d.mp4", "notes.txt")
    tree(tmp_path, *names)
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    table = "path,label\na.mp4,0\nframes,1\nlink/d.mp4,1\n"
    (tmp_path / "labels.csv").write_text(table)
    assert csv_file.listing(tmp_path).notes == [
        "2 files are not in labels.csv, left out:\n  b.mp4\n  sub/c.jpg"
    ]


def test_header_only(tmp_path: Path) -> None:
    assert rows(tmp_path, "path,label\n") == []


def test_missing_table(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"labels\.csv is missing"):
        csv_file.listing(tmp_path)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("path\na.mp4\n", "has no column label: add it (columns: ['path'])"),
        (
            "name,class\na.mp4,1\n",
            "has no column path and label: add it (columns: ['name', 'class'])",
        ),
        ("file,image,label\na.mp4,a.png,1\n", "the paths path, not one of ['file', 'image']"),
        (
            "path,Label,label\na.mp4,0,1\n",
            "several columns of one name: ['path', 'Label', 'label']",
        ),
        ("", "labels.csv"),
        ("path,label\na.mp4,0\nb,1.mp4,1\n", "line 3"),
        ("path,label,target\na.mp4,0,Zoë\n".encode("latin-1"), "labels.csv"),
    ],
    ids=[
        "no label",
        "other names",
        "two of paths",
        "one name twice",
        "empty file",
        "comma in a name",
        "not UTF-8",
    ],
)
def test_invalid_table_is_named(tmp_path: Path, content: str | bytes, error: str) -> None:
    with pytest.raises(ManifestError, match=r"labels\.csv") as caught:
        rows(tmp_path, content)
    assert error in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        "path;label\nreal/a.mp4;0\n",
        "path\tlabel\nreal/a.mp4\t0\n",
        "path,label\nreal\\a.mp4,0\n",
        "filename,label\nreal/a.mp4,0\n",
        "video;label\nreal\\a.mp4;0\n",
        "Image , Label\n real/a.mp4 , real \n",
        "label,file,note;tab\n0,real/a.mp4,\n",
    ],
)
def test_tables_as_people_write_them(tmp_path: Path, content: str) -> None:
    (video,) = rows(tmp_path, content)
    assert (video["path"], video["label"]) == ("real/a.mp4", 0)


def test_absolute_paths_below_the_root(tmp_path: Path) -> None:
    header = "path,label,original\n"
    videos = rows(tmp_path, f"{header}{tmp_path}/b.mp4,1,{tmp_path}/a.mp4\n/elsewhere/a.mp4,0,\n")
    assert [video["path"] for video in videos] == ["b.mp4", "/elsewhere/a.mp4"]
    assert videos[0]["original"] == "a.mp4"


def test_a_name_with_a_backslash_is_kept(tmp_path: Path) -> None:
    (tmp_path / "a\\b.mp4").touch()
    (video,) = rows(tmp_path, "path,label\na\\b.mp4,0\n")
    assert video["path"] == "a\\b.mp4"


def test_a_file_in_several_rows(tmp_path: Path) -> None:
    with pytest.raises(ManifestError) as caught:
        rows(tmp_path, "path,label\na.mp4,0\nb.mp4,1\na.mp4,1\nb.mp4,1\na.mp4 ,0\n")
    assert str(caught.value).splitlines()[1:] == [
        "  rows 2, 4 and 6 are of a.mp4",
        "  rows 3 and 5 are of b.mp4",
    ]


def test_a_table_beside_real_and_fake_is_used(tmp_path: Path) -> None:
    """Its labels may contradict the folders' names; the table was ignored if it began with filename."""
    for name in ("real", "fake"):
        (tmp_path / name).mkdir()
    (video,) = rows(tmp_path, "filename,label\nreal/a.mp4,1\n")
    assert detect_layout(tmp_path) == "csv"
    assert video["label"] == 1


def test_columns_of_slices_are_kept(tmp_path: Path) -> None:
    table = "path,label,Gender,skin\na.mp4,0, female ,2\nb.mp4,1,,3\n"
    (tmp_path / "labels.csv").write_text(table)
    found = csv_file.listing(tmp_path, ["gender", "skin"]).rows
    assert found["slice_gender"].tolist() == ["female", ""]
    assert found["slice_skin"].tolist() == ["2", "3"]
    assert not any(name.startswith("slice_") for name in csv_file.listing(tmp_path).rows)


def test_a_missing_column_of_slices_is_named(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("path,label\na.mp4,0\n")
    with pytest.raises(ManifestError, match=r"no column age and skin: add it, or remove it"):
        csv_file.listing(tmp_path, ["age", "skin"])
