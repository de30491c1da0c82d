"""DeepfakeBench's JSON: paths of another machine, optional levels, videos in several splits."""

import json
from pathlib import Path
from typing import Any

import pytest
from trees import tree

from deepfake.base.errors import ManifestError
from deepfake.datasets.importers import deepfakebench
from deepfake.datasets.listing import COLUMNS

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


def test_videos_without_frames_on_disk_are_read(tmp_path: Path) -> None:
    (tmp_path / "f.json").write_text(json.dumps({**CONTENT, **CELEB}))
    rows = deepfakebench.read_videos(tmp_path / "f.json").set_index("video_id")
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


def test_folders_are_matched_by_the_end_of_their_path(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        f"rgb/{FF}/youtube/c23/frames/000/000.png",
        f"rgb/{FF}/Deepfakes/c23/frames/000_003/000.png",
        files={"dataset_json/f.json": json.dumps(CONTENT)},
    )
    assert deepfakebench.recognises(root)
    listing = deepfakebench.listing(root)
    assert listing.rows["path"].tolist() == [
        f"rgb/{FF}/youtube/c23/frames/000",
        f"rgb/{FF}/Deepfakes/c23/frames/000_003",
    ]
    assert listing.notes == [f"1 videos have no frames on disk:\n  {FF}/FF-DF/c23/003_000"]


def single_video(class_name: str, name: str = "a", dataset: str = "X", **fields: Any) -> str:
    """A JSON file with one video."""
    content = {**video(class_name, "x/0.png"), **fields}
    return json.dumps({dataset: {class_name: {"test": {name: content}}}})


@pytest.mark.parametrize(
    ("class_name", "label"),
    [
        *((f"FF-{name}", 1) for name in ("DF", "F2F", "FS", "NT", "FH", "SH")),
        *(("FF-real", 0), ("DFD_real", 0), ("DFD_fake", 1), ("UADFV_Real", 0), ("UADFV_Fake", 1)),
        *(("CelebDFv1_real", 0), ("CelebDFv1_fake", 1), ("CelebDFv2_real", 0)),
        *(("CelebDFv2_fake", 1), ("DFDCP_Real", 0), ("DFDCP_FakeA", 1), ("DFDCP_FakeB", 1)),
        *(("DFDC_Real", 0), ("DFDC_Fake", 1), ("DF_real", 0), ("DF_fake", 1), ("roop_Fake", 1)),
        *(("sd2.1_Real", 0), ("e4s_Fake", 1), ("real", 0), ("fake", 1)),
    ],
)
def test_labels_of_known_classes(tmp_path: Path, class_name: str, label: int) -> None:
    (tmp_path / "f.json").write_text(single_video(class_name))
    rows = deepfakebench.read_videos(tmp_path / "f.json")
    assert rows["label"].tolist() == [label]
    assert rows["method"].tolist() == [class_name if label else "real"]


@pytest.mark.parametrize(
    "class_name", ["FF-XX", "FakeVideo-RealAudio", "RealVideo-FakeAudio", "unreal", "realistic_GAN"]
)
def test_unknown_class_is_an_error(tmp_path: Path, class_name: str) -> None:
    (tmp_path / "f.json").write_text(single_video(class_name))
    with pytest.raises(ManifestError, match=f"class {class_name} is real or fake"):
        deepfakebench.read_videos(tmp_path / "f.json")


@pytest.mark.parametrize(
    ("dataset", "class_name", "name", "target", "source"),
    [
        (FF, "FF-real", "071", "ffpp:071", ""),
        ("FF-NT", "FF-NT", "071_054", "ffpp:071", "ffpp:054"),
        ("simswap_ff", "simswap_Fake", "071_054", "ffpp:071", "ffpp:054"),
        ("simswap_ff", "simswap_Real", "071", "ffpp:071", ""),
        ("simswap_cdf", "simswap_Real", "id3_0001", "celebdf:id3", ""),
        ("Celeb-DF-v1", "CelebDFv1_fake", "id3_id4_0001", "celebdf:id3", "celebdf:id4"),
        ("Celeb-DF-v2", "CelebDFv2_real", "00170", "", ""),
        ("DeepFakeDetection", "DFD_real", "01__talking", "dfd:01", ""),
        ("DeepFakeDetection", "DFD_fake", "01_02__talking__ABCDEFGH", "dfd:01", "dfd:02"),
        ("DFDCP", "DFDCP_Real", "34_A_001", "dfdc_preview:34", ""),
        ("DFDCP", "DFDCP_FakeA", "12_34_A_001", "dfdc_preview:34", "dfdc_preview:12"),
        ("DeeperForensics-1.0", "DF_fake", "071_M101", "ffpp:071", "deeperforensics:M101"),
        ("DeeperForensics-1.0", "DF_real", "071", "ffpp:071", ""),
        ("UADFV", "UADFV_Fake", "0001_fake", "uadfv:0001", ""),
        ("UADFV", "UADFV_Real", "0001", "uadfv:0001", ""),
        ("DFDC", "DFDC_Real", "aalscayrfi", "", ""),
        ("Other", "Other_Real", "071", "", ""),
        ("Other", "Other_Fake", "id1_id2_0001", "", ""),
    ],
)
def test_people_of_known_data_sets(
    tmp_path: Path, dataset: str, class_name: str, name: str, target: str, source: str
) -> None:
    (tmp_path / "f.json").write_text(single_video(class_name, name, dataset))
    row = deepfakebench.read_videos(tmp_path / "f.json").loc[0]
    assert (row["target"], row["source"]) == (target, source)


def test_path_of_a_video(tmp_path: Path) -> None:
    frames = {"a": ["/d/a/0.png", "/d/a/1.png"], "b": ["/d/b/1/0.png", "/d/b/2/0.png"]}
    frames |= {"c": ["/d/c/0.png"], "d": []}
    videos = {name: {"label": "X_real", "frames": paths} for name, paths in frames.items()}
    (tmp_path / "f.json").write_text(json.dumps({"X": {"X_real": {"test": videos}}}))
    paths = deepfakebench.read_videos(tmp_path / "f.json")["path"]
    assert paths.tolist() == ["/d/a", "/d/b", "/d/c/0.png", ""]


def test_video_in_several_splits_is_assigned_to_test(tmp_path: Path) -> None:
    """As in Celeb-DF-v2.json, where train has all videos and val is the same as test."""
    a, b, c = ({name: video("X_real", f"d/{name}/0.png", f"d/{name}/1.png")} for name in "abc")
    content = {"X": {"X_real": {"train": {**a, **b, **c}, "val": {**b, **c}, "test": c}}}
    names = [f"d/{name}/0.png" for name in "abc"]
    root = tree(tmp_path, *names, files={"f.json": json.dumps(content)})
    assert len(deepfakebench.read_videos(root / "f.json")) == 6
    listing = deepfakebench.listing(root)
    assert list(listing.rows.columns) == COLUMNS
    splits = listing.rows.set_index("path")["official_split"].to_dict()
    assert splits == {"d/a": "train", "d/b": "val", "d/c": "test"}
    assert listing.notes == [
        "2 videos are in several splits, assigned to the first of test, val, train:\n  d/b\n  d/c"
    ]


def test_files_that_name_the_same_video(tmp_path: Path) -> None:
    files = {"f.json": json.dumps(CONTENT), "FF-DF.json": json.dumps({"FF-DF": CONTENT[FF]})}
    listing = deepfakebench.listing(tree(tmp_path, "frames/000_003/000.png", files=files))
    assert listing.rows["path"].tolist() == ["frames/000_003"]
    assert len(listing.notes) == 1
    assert listing.notes[0].startswith("4 videos have no frames on disk:")


def test_single_frames_of_one_folder_are_single_images(tmp_path: Path) -> None:
    """As in DF40's e4e_ff.json."""
    videos = {name: video("e4e_Fake", f"ff/inversions/{name}.jpg") for name in ("1", "2")}
    text = json.dumps({"e4e_ff": {"e4e_Fake": {"test": videos}}})
    root = tree(tmp_path, "ff/inversions/1.jpg", "ff/inversions/2.jpg", files={"f.json": text})
    listing = deepfakebench.listing(root)
    assert listing.rows["path"].tolist() == ["ff/inversions/1.jpg", "ff/inversions/2.jpg"]
    assert listing.notes == []


def test_folder_of_several_videos_is_left_out(tmp_path: Path) -> None:
    names = [f"d/{name}_{i}.png" for name in "ab" for i in range(2)]
    videos = {"a": video("X_real", *names[:2]), "b": video("X_real", *names[2:])}
    text = json.dumps({"X": {"X_real": {"test": videos}}})
    listing = deepfakebench.listing(tree(tmp_path, *names, files={"f.json": text}))
    assert listing.rows.empty
    assert listing.notes == ["1 folders have frames of several videos, left out:\n  d"]


def test_folder_listed_as_real_and_fake(tmp_path: Path) -> None:
    classes = {name: {"test": {"a": video(name, "d/0.png")}} for name in ("X_real", "X_fake")}
    root = tree(tmp_path, "d/0.png", files={"f.json": json.dumps({"X": classes})})
    with pytest.raises(ManifestError, match=r"listed as REAL and as FAKE; .*:\n  d/0.png"):
        deepfakebench.listing(root)


def test_video_of_dfdc_without_a_name_is_skipped(tmp_path: Path) -> None:
    a = video("DFDC_Fake", "d/a/0.png")
    content = {"DFDC": {"DFDC_Fake": {"test": {"a": a}, "val": a}}}
    (tmp_path / "f.json").write_text(json.dumps(content))
    rows = deepfakebench.read_videos(tmp_path / "f.json")
    assert rows[["video_id", "official_split"]].values.tolist() == [["DFDC/DFDC_Fake/a", "test"]]


def test_no_frames_on_disk(tmp_path: Path) -> None:
    listing = deepfakebench.listing(tree(tmp_path, files={"f.json": json.dumps(CONTENT)}))
    assert listing.rows.empty
    assert list(listing.rows.columns) == COLUMNS
    assert len(listing.notes) == 1


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("{", "is not JSON"),
        ("[]", "holds a list"),
        ('{"X": []}', "X does not have the structure"),
        ('{"X": {"X_real": {"test": {"a": {"b": 1}}}}}', "b does not have the structure"),
        (single_video("X_real", frames=1), "a of X_real has no list of frames"),
        (single_video("X_real", frames=[1]), "a of X_real has no list of frames"),
        (
            single_video("X_real", frames=["/a/0.png", "a/1.png"]),
            "a of X_real has frames in unrelated",
        ),
        (single_video("X_real", label="X_fake"), "a is in X_real but has the label X_fake"),
    ],
)
def test_invalid_json(tmp_path: Path, content: str, error: str) -> None:
    (tmp_path / "f.json").write_text(content)
    with pytest.raises(ManifestError, match=error):
        deepfakebench.read_videos(tmp_path / "f.json")


@pytest.mark.parametrize("text", ['{"a": 1}', "{}", "", '{"a.mp4": {"label": "FAKE"}}', "[]"])
def test_other_json_is_not_recognised(tmp_path: Path, text: str) -> None:
    (tmp_path / "other.json").write_text(text)
    assert not deepfakebench.recognises(tmp_path)
    with pytest.raises(ManifestError, match="no JSON file of DeepfakeBench"):
        deepfakebench.listing(tmp_path)


def test_published_excerpt(tmp_path: Path, bench: Path) -> None:
    path = bench / "dataset_files/deepfakebench_FaceForensics++_EXCERPT.json"
    text = path.read_text()
    content = json.loads(text)
    expected = {
        f"{FF}/{kind}/{compression}/{name}": split
        for kind, splits in content[FF].items()
        for split, compressions in splits.items()
        for compression, videos in compressions.items()
        for name, video in videos.items()
    }
    rows = deepfakebench.read_videos(path)
    assert rows.set_index("video_id")["official_split"].to_dict() == expected
    assert len(rows) == len(expected) == text.count('"frames"')
    real = rows["video_id"].str.contains("/FF-real/")
    assert ((rows["label"] == 0) == real).all()
    assert (rows["target"] == "ffpp:" + rows["video_id"].str[-3:]).all()
    assert (rows["compression"] == "c23").all()
    folder = "original_sequences/youtube/c23/frames"
    names = [f"rgb/{FF}/{folder}/{video_id[-3:]}/0.png" for video_id in expected]
    root = tree(tmp_path, *names, files={"dataset_json/excerpt.json": text})
    listing = deepfakebench.listing(root)
    assert listing.notes == []
    assert sorted(listing.rows["path"]) == sorted(name[: -len("/0.png")] for name in names)
