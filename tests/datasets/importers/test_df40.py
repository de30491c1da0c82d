"""DF40: frames of forty methods; people have the same names as in their original data sets."""

from pathlib import Path

import pytest
from trees import tree

from deepfake.base.errors import ManifestError
from deepfake.datasets import scanning
from deepfake.datasets.importers import df40, folders

COLUMNS = ["path", "label", "method", "target", "source", "official_split"]


def rows_of(root: Path) -> list[list[object]]:
    listing = df40.listing(root)
    assert listing.notes == []
    rows: list[list[object]] = sorted(listing.rows[COLUMNS].values.tolist())
    return rows


def test_folders_of_frames(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        *("simswap/ff/frames/000_003/0.png", "simswap/ff/frames/000_003/1.png"),
        *("simswap/cdf/frames/id0_id1_0002/0.png", "simswap/ff/landmarks/000_003/0.png"),
        *("wav2lip/ff/frames/071/0.png", "wav2lip/cdf/frames/00170/0.png"),
        *("heygen/real/clip/0.png", "heygen/fake/000_003/0.png", "lia/cdf/frames/000_003/0.png"),
    )
    assert df40.recognises(root)
    assert rows_of(root) == [
        ["heygen/fake/000_003", 1, "heygen", "", "", ""],  # of neither data set
        ["heygen/real/clip", 0, "real", "", "", ""],
        ["lia/cdf/frames/000_003", 1, "lia", "", "", ""],
        ["simswap/cdf/frames/id0_id1_0002", 1, "simswap", "celebdf:id0", "celebdf:id1", ""],
        ["simswap/ff/frames/000_003", 1, "simswap", "ffpp:000", "ffpp:003", ""],
        ["wav2lip/cdf/frames/00170", 1, "wav2lip", "", "", ""],
        ["wav2lip/ff/frames/071", 1, "wav2lip", "ffpp:071", "", ""],
    ]


def test_people_in_single_images_are_unknown(tmp_path: Path) -> None:
    names = (
        "DiT/ff/071.png",
        "DiT/ff/10.png",
        "e4e/ff/inversions/1.jpg",
        "stargan/real/real/1.jpg",
    )
    root = tree(tmp_path, *names, "e4e/cdf/Celeb-real/inversions/2.jpg", "stargan/fake/fake/1.jpg")
    assert [row[:4] for row in rows_of(root)] == [
        ["DiT/ff/071.png", 1, "DiT", ""],
        ["DiT/ff/10.png", 1, "DiT", ""],
        ["e4e/cdf/Celeb-real/inversions/2.jpg", 1, "e4e", ""],
        ["e4e/ff/inversions/1.jpg", 1, "e4e", ""],
        ["stargan/fake/fake/1.jpg", 1, "stargan", ""],
        ["stargan/real/real/1.jpg", 0, "real", ""],
    ]


def test_folder_named_celeb_real_is_fake(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        *("dagan/cdf/Fake_from_Celeb-real/id3_0001/0.png", "dagan/cdf/Celeb-real/id4_0001/0.png"),
    )
    assert rows_of(root) == [
        ["dagan/cdf/Celeb-real/id4_0001", 1, "dagan", "celebdf:id4", "", ""],
        ["dagan/cdf/Fake_from_Celeb-real/id3_0001", 1, "dagan", "celebdf:id3", "", ""],
    ]


def test_training_and_test_set(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        *("train/simswap/ff/frames/000_003/0.png", "test/simswap/simswap/ff/frames/001_870/0.png"),
        "test/heygen/heygen_new/real/frames/a/0.png",
    )
    assert df40.recognises(root)
    assert rows_of(root) == [
        ["test/heygen/heygen_new/real/frames/a", 0, "real", "", "", "test"],
        *(
            [
                "test/simswap/simswap/ff/frames/001_870",
                1,
                "simswap",
                "ffpp:001",
                "ffpp:870",
                "test",
            ],
        ),
        ["train/simswap/ff/frames/000_003", 1, "simswap", "ffpp:000", "ffpp:003", "train"],
    ]


def test_video_files(tmp_path: Path) -> None:
    root = tree(tmp_path, "simswap/ff/000_003.mp4", "heygen/real/a.mp4")
    assert rows_of(root) == [
        ["heygen/real/a.mp4", 0, "real", "", "", ""],
        ["simswap/ff/000_003.mp4", 1, "simswap", "ffpp:000", "ffpp:003", ""],
    ]


def test_folder_below_a_video_is_part_of_it(tmp_path: Path) -> None:
    root = tree(tmp_path, "lia/ff/000_001/0.png", "lia/ff/000_001/more/1.png")
    assert [row[0] for row in rows_of(root)] == ["lia/ff/000_001"]
    rows = scanning.scan(root, "df40", "auto", "*").rows
    assert rows[["video_id", "kind"]].values.tolist() == [["df40/lia/ff/000_001", "frames"]]


def test_files_of_no_method_are_left_out(tmp_path: Path) -> None:
    others = ("figures/1.png", "0.png", "simswap/readme.png", "simswap/ff/frames/.x/0.png")
    root = tree(tmp_path, *others, "simswap/ff/frames/000_003/0.png", "simswap/ff/._0.png")
    listing = df40.listing(root)
    assert listing.rows["path"].tolist() == ["simswap/ff/frames/000_003"]
    assert listing.notes == ["3 folders belong to no method, left out:\n  .\n  figures\n  simswap"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("simswap/ff/", True),
        ("simswap/simswap/cdf/", True),
        ("train/simswap/ff/", True),
        ("heygen/real/", True),
        ("MidJourney/fake/", True),
        ("real/a.mp4", False),
        ("train/real/a.mp4", False),  # a common layout
        ("mine/fake/a.mp4", False),
        ("UADFV/real/frames/0000/", False),
    ],
)
def test_recognised_by_the_folders_of_a_method(tmp_path: Path, name: str, expected: bool) -> None:
    assert df40.recognises(tree(tmp_path, name)) is expected


def test_folders_real_and_fake_are_not_recognised(tmp_path: Path) -> None:
    root = tree(tmp_path, "real/a.mp4", "fake/b.mp4")
    assert not df40.recognises(root)
    assert folders.recognises(root)


@pytest.mark.parametrize("names", [(), ("simswap/ff/frames/",), ("simswap/0.png",)])
def test_no_videos(tmp_path: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(ManifestError, match="has no images or videos in <method>/ff"):
        df40.listing(tree(tmp_path, *names))
