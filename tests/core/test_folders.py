"""What is below a folder: linked folders once, nothing hidden, and a note on what is skipped."""

import os
from pathlib import Path

import pytest
from trees import tree

from deepfake.core.folders import files_below, media_below, skipped_note, walk


def names_below(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in files_below(folder)]


def note_on(folder: Path) -> list[str]:
    return skipped_note(media_below(folder)[1], folder)


def test_a_linked_folder_is_entered(tmp_path: Path) -> None:
    tree(tmp_path, "elsewhere/a.mp4", "elsewhere/deep/b.mp4", "root/c.mp4")
    (tmp_path / "root/link").symlink_to(tmp_path / "elsewhere")
    assert names_below(tmp_path / "root") == ["c.mp4", "link/a.mp4", "link/deep/b.mp4"]


def test_a_linked_folder_in_a_linked_folder_is_entered(tmp_path: Path) -> None:
    tree(tmp_path, "one/a.mp4", "two/b.mp4", "root/")
    (tmp_path / "one/next").symlink_to(tmp_path / "two")
    (tmp_path / "root/link").symlink_to(tmp_path / "one")
    assert names_below(tmp_path / "root") == ["link/a.mp4", "link/next/b.mp4"]


@pytest.mark.parametrize("target", ["root", "root/sub", ".", "/"])
def test_a_link_to_a_parent_folder_is_no_loop(tmp_path: Path, target: str) -> None:
    tree(tmp_path, "root/sub/a.mp4", "b.mp4")
    (tmp_path / "root/sub/link").symlink_to(tmp_path / target)
    assert names_below(tmp_path / "root") == ["sub/a.mp4"]


def test_two_folders_that_link_to_each_other(tmp_path: Path) -> None:
    tree(tmp_path, "root/x/a.mp4", "root/y/b.mp4")
    (tmp_path / "root/x/to_y").symlink_to(tmp_path / "root/y")
    (tmp_path / "root/y/to_x").symlink_to(tmp_path / "root/x")
    assert names_below(tmp_path / "root") == ["x/a.mp4", "y/b.mp4"]


def test_a_real_folder_keeps_its_path_when_a_link_to_it_arrives(tmp_path: Path) -> None:
    tree(tmp_path, "z/deep/a.mp4")
    (tmp_path / "a_link").symlink_to(tmp_path / "z/deep")
    assert names_below(tmp_path) == ["z/deep/a.mp4"]


def test_of_two_links_to_one_folder_the_first_is_entered(tmp_path: Path) -> None:
    tree(tmp_path, "elsewhere/a.mp4", "root/")
    for name in ("y", "x"):
        (tmp_path / "root" / name).symlink_to(tmp_path / "elsewhere")
    assert names_below(tmp_path / "root") == ["x/a.mp4"]


def test_the_folder_itself_may_be_a_link_or_hidden(tmp_path: Path) -> None:
    tree(tmp_path, ".hidden/a.mp4")
    (tmp_path / "link").symlink_to(tmp_path / ".hidden")
    assert names_below(tmp_path / "link") == names_below(tmp_path / ".hidden") == ["a.mp4"]


def test_a_missing_folder_has_no_files(tmp_path: Path) -> None:
    assert names_below(tmp_path / "nowhere") == []


def test_broken_links_are_files(tmp_path: Path) -> None:
    (tmp_path / "gone.mp4").symlink_to(tmp_path / "nowhere")
    (tmp_path / "itself.mp4").symlink_to(tmp_path / "itself.mp4")
    assert names_below(tmp_path) == ["gone.mp4", "itself.mp4"]


def test_hidden_files_and_folders_are_left_out(tmp_path: Path) -> None:
    tree(tmp_path, "a.mp4", "._a.mp4", ".cache/b.mp4", "sub/.trash/c.mp4")
    assert names_below(tmp_path) == ["a.mp4"]


def test_a_folder_named_like_a_video_is_one(tmp_path: Path) -> None:
    tree(tmp_path, "a.mp4/0.png", "a.mp4/deep/1.png", "empty.MOV/")
    assert names_below(tmp_path) == ["a.mp4", "empty.MOV"]


def test_a_folder_named_like_a_video_that_holds_one_is_a_folder(tmp_path: Path) -> None:
    """As downloads often are."""
    tree(tmp_path, "clip.mp4/clip.mp4", "clip.mp4/cover.jpg")
    assert names_below(tmp_path) == ["clip.mp4/clip.mp4", "clip.mp4/cover.jpg"]


def test_files_are_sorted_and_chosen_by_suffix(tmp_path: Path) -> None:
    tree(tmp_path, "b/c.mp4", "b.MP4", "a.tar.gz", "d.png")
    assert names_below(tmp_path) == ["a.tar.gz", "b/c.mp4", "b.MP4", "d.png"]
    assert [path.name for path in files_below(tmp_path, [".mp4"])] == ["c.mp4", "b.MP4"]


def test_every_file_is_taken_or_skipped(tmp_path: Path) -> None:
    media = ("a.mp4", "b.JFIF", "c.tgz", "sub/d.wmv")
    tree(tmp_path, *media, "Thumbs.db", "sub/README.TXT", "sub/more.txt", ".DS_Store", "x")
    taken, skipped = media_below(tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in taken] == [*media]
    assert skipped_note(skipped, tmp_path) == [
        "5 files skipped: 2 .txt (sub/README.TXT), 1 .db (Thumbs.db), 1 hidden (.DS_Store),"
        " 1 without suffix (x)"
    ]


def test_without_skipped_files_there_is_no_note(tmp_path: Path) -> None:
    assert note_on(tree(tmp_path, "a.mp4")) == []


def test_names_in_the_note_are_printable(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff\x1b.doc")).touch()
    assert note_on(tmp_path) == [r"1 file skipped: 1 .doc (\udcff\x1b.doc)"]


def test_a_forbidden_folder_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as lost+found on a disk. A test that runs as root is forbidden nothing."""
    tree(tmp_path, "a.mp4", "lost+found/b.mp4")
    monkeypatch.setattr(os, "access", lambda path, _: path.name != "lost+found")
    assert note_on(tmp_path) == ["1 file skipped: 1 forbidden (lost+found)"]


def test_walking_names_every_folder_with_its_files(tmp_path: Path) -> None:
    tree(tmp_path, "a/1.png", "a/.x", "b.mp4/c/2.png", ".d/3.png")
    assert [(folder.name, [path.name for path in files]) for folder, files in walk(tmp_path)] == [
        (tmp_path.name, [".d"]),
        ("a", [".x", "1.png"]),
        ("b.mp4", []),
        ("c", ["2.png"]),
    ]
