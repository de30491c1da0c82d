"""DeepfakeBench's JSON: backslash paths of another machine, levels that differ, classes named."""

import json
from pathlib import Path
from typing import Any

import pytest
from trees import tree

from deepfake.datasets import deepfakebench
from deepfake.errors import ManifestError

FF = "FaceForensics++"


def video(label: str, *frames: str) -> dict[str, Any]:
    return {"label": label, "frames": list(frames)}


def ff_frames(kind: str, name: str) -> list[str]:
    return [rf"T:\my data\rgb\{FF}\{kind}\c23\frames\{name}\{i:03}.png" for i in range(2)]


CONTENT = {
    FF: {
        "FF-real": {"train": {"c23": {"000": video("FF-real", *ff_frames("youtube", "000"))}}},
        "FF-DF": {
            "train": {"c23": {"000_003": video("FF-DF", *ff_frames("Deepfakes", "000_003"))}},
            "test": {"c23": {"003_000": video("FF-DF", *ff_frames("Deepfakes", "003_000"))}},
        },
    }
}
CELEB = {
    "Celeb-DF-v2": {
        "CelebDFv2_real": {
            "test": {"id0_0000": video("CelebDFv2_real", "/data/rgb/Celeb-real/id0_0000/1.png")}
        },
        "CelebDFv2_fake": {
            "test": {
                "id0_id1_0000": video("CelebDFv2_fake", "rgb/Celeb-synthesis/id0_id1_0000/1.png")
            }
        },
    }
}


def test_splits_without_a_look_at_the_disk(tmp_path: Path) -> None:
    (tmp_path / "f.json").write_text(json.dumps({**CONTENT, **CELEB}))
    rows = deepfakebench.read_splits(tmp_path / "f.json").set_index("video_id")
    assert rows["label"].to_dict() == {
        f"{FF}/FF-real/c23/000": 0,
        f"{FF}/FF-DF/c23/000_003": 1,
        f"{FF}/FF-DF/c23/003_000": 1,
        "Celeb-DF-v2/CelebDFv2_real/id0_0000": 0,
        "Celeb-DF-v2/CelebDFv2_fake/id0_id1_0000": 1,
    }
    assert rows["official_split"].tolist() == ["train", "train", "test", "test", "test"]
    fake = rows.loc[f"{FF}/FF-DF/c23/000_003"]
    assert (fake["target"], fake["source"], fake["method"]) == ("ffpp:000", "ffpp:003", "FF-DF")
    other = rows.loc["Celeb-DF-v2/CelebDFv2_fake/id0_id1_0000"]
    assert (other["target"], other["source"]) == ("celebdf:id0", "celebdf:id1")


def test_folders_are_found_by_the_end_of_their_path(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        f"rgb/{FF}/youtube/c23/frames/000/000.png",
        f"rgb/{FF}/Deepfakes/c23/frames/000_003/000.png",
        files={"dataset_json/f.json": json.dumps(CONTENT)},
    )
    assert deepfakebench.recognises(root)
    found = deepfakebench.listing(root)
    assert found.rows["path"].tolist() == [
        f"rgb/{FF}/youtube/c23/frames/000",
        f"rgb/{FF}/Deepfakes/c23/frames/000_003",
    ]
    assert found.notes == [f"1 videos have no frames on disk:\n  {FF}/FF-DF/c23/003_000"]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("[]", "holds a list"),
        ('{"X": []}', "X is not made as"),
        (
            '{"X": {"X_real": {"train": {"a": {"label": "X_real", "frames": 1}}}}}',
            "no list of frames",
        ),
        ('{"X": {"X_other": {"train": {"a": {"frames": ["a/1.png"]}}}}}', "class X_other is real"),
    ],
)
def test_broken_json(tmp_path: Path, content: str, complaint: str) -> None:
    (tmp_path / "f.json").write_text(content)
    with pytest.raises(ManifestError, match=complaint):
        deepfakebench.read_splits(tmp_path / "f.json")


def test_nothing_to_read(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text('{"a": 1}')
    assert not deepfakebench.recognises(tmp_path)
    with pytest.raises(ManifestError, match="no JSON file of DeepfakeBench"):
        deepfakebench.listing(tmp_path)


def test_published_excerpt(bench: Path) -> None:
    path = bench / "dataset_files/deepfakebench_FaceForensics++_EXCERPT.json"
    classes = json.loads(path.read_text())[FF]
    rows = deepfakebench.read_splits(path)
    for name, splits in classes.items():
        for split, compressions in splits.items():
            expected = sum(len(videos) for videos in compressions.values())
            found = rows["video_id"].str.startswith(f"{FF}/{name}/")
            assert (found & (rows["official_split"] == split)).sum() == expected
    assert rows["video_id"].is_unique
    real = rows["video_id"].str.contains("/FF-real/")
    assert ((rows["label"] == 0) == real).all()
    assert rows["target"].str.match(r"ffpp:\d{3}").all()
