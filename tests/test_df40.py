"""DF40: frames of forty methods; the people keep their names from the two data sets."""

from pathlib import Path

from trees import tree

from deepfake.datasets import df40, folders


def test_folders_and_single_pictures(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        *("simswap/ff/frames/000_003/0.png", "simswap/ff/frames/000_003/1.png"),
        *("simswap/cdf/frames/id0_id1_0002/0.png", "simswap/ff/landmarks/000_003/0.png"),
        *("wav2lip/ff/frames/071/0.png", "DiT/ff/9.png", "DiT/ff/10.png"),
        *("heygen/real/clip/0.png", "heygen/fake/clip/0.png", "figures/1.png"),
    )
    assert df40.recognises(root)
    found = df40.listing(root)
    columns = ["path", "label", "method", "target", "source"]
    assert sorted(found.rows[columns].values.tolist()) == [
        ["DiT/ff/10.png", 1, "DiT", "", ""],
        ["DiT/ff/9.png", 1, "DiT", "", ""],
        ["heygen/fake/clip", 1, "heygen", "", ""],
        ["heygen/real/clip", 0, "real", "", ""],
        ["simswap/cdf/frames/id0_id1_0002", 1, "simswap", "celebdf:id0", "celebdf:id1"],
        ["simswap/ff/frames/000_003", 1, "simswap", "ffpp:000", "ffpp:003"],
        ["wav2lip/ff/frames/071", 1, "wav2lip", "ffpp:071", ""],
    ]
    assert found.notes == ["1 folders are no part of a method, left out:\n  figures"]


def test_plain_folders_are_not_taken(tmp_path: Path) -> None:
    root = tree(tmp_path, "real/a.mp4", "fake/b.mp4")
    assert not df40.recognises(root)
    assert folders.recognises(root)


def test_empty(tmp_path: Path) -> None:
    assert not df40.recognises(tmp_path)
    assert df40.listing(tmp_path).rows.empty
