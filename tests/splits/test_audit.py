"""`deepfake audit` on any splits: leaks are named, and the exit code tells them from unreadable splits."""

import json
import re
import shutil
from pathlib import Path

import pytest
from trees import tree
from typer.testing import CliRunner

from deepfake.base.errors import ManifestError
from deepfake.cli.app import app
from deepfake.splits import audit

CLEAN = {
    "train.csv": "path,label,target,source\na.mp4,0,anna,\nb.mp4,1,anna,bob\n",
    "val.csv": "path,label,target,source\nc.mp4,0,carl,\n",
    "test.csv": "path,label,target,source\nd.mp4,0,dora,\ne.mp4,1,dora,emil\n",
}


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["audit", *map(str, arguments)])
    return result.exit_code, result.output


def test_clean_splits_pass(tmp_path: Path) -> None:
    code, output = run(tree(tmp_path, files=CLEAN))
    assert code == 0
    assert output.splitlines()[-1] == "no leaks found"
    assert "train        2 videos        1 REAL        1 FAKE       2 people" in output


@pytest.mark.parametrize(
    ("table", "kind", "name"),
    [
        ("path,label,target,source\nx.mp4,1,dora,anna\n", "identities", "anna"),
        ("path,label,identity\nx.mp4,0,anna\n", "identities", "anna"),
        ("path,label\na.mp4,0\n", "files", "a.mp4"),
        ("path,label,video_id,original\nx.mp4,1,x,a.mp4\n", "originals", "a.mp4"),
        ("path,label,clusters\nx.mp4,1,c1 c2\n", "clusters", "c1"),
    ],
)
def test_leaks_are_named(tmp_path: Path, table: str, kind: str, name: str) -> None:
    files = {**CLEAN, "test.csv": table}
    if kind == "clusters":
        files["train.csv"] = "path,label,clusters\na.mp4,0,c1\n"
    code, output = run(tree(tmp_path, files=files))
    assert code == 1
    assert f"LEAK   1 {kind} in train and test: {name}" in output
    code, output = run(tmp_path, "--json")
    assert code == 1
    leaks = json.loads(output)["leaks"]
    assert [name] in [leak["names"] for leak in leaks]


def test_unknown_people_are_a_caveat(tmp_path: Path) -> None:
    files = {name: "path,label\n" + f"{name}.mp4,0\n" for name in CLEAN}
    code, output = run(tree(tmp_path, files=files))
    assert code == 0
    assert "no leaks found; unknown people may still be in two splits" in output


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({}, "matches no known layout"),
        ({"train.csv": CLEAN["train.csv"]}, "has only train.csv"),
        (
            {**CLEAN, "val.csv": "file\nx\n"},
            "val.csv has no column label: add it (columns: ['file'])",
        ),
        ({**CLEAN, "val.csv": "path,label\nx,2\n"}, "row 2: '2'"),
    ],
)
def test_unreadable_splits_are_an_error(
    tmp_path: Path, files: dict[str, str], complaint: str
) -> None:
    code, output = run(tree(tmp_path, files=files))
    assert code == 2
    assert complaint in output
    assert "Traceback" not in output
    assert run(tmp_path / "none")[0] == 2


def test_json_of_deepfakebench(tmp_path: Path) -> None:
    def video(name: str) -> dict[str, object]:
        return {name: {"label": "FF-DF", "frames": [f"x/{name}/0.png"]}}

    content = {
        "FF": {"FF-DF": {"train": {"c23": video("000_003")}, "test": {"c23": video("003_001")}}}
    }
    (tmp_path / "ff.json").write_text(json.dumps(content))
    code, output = run(tmp_path / "ff.json")
    assert code == 1
    assert "LEAK   1 identities in train and test: ffpp:003" in output


def ffpp_tree(root: Path, bench: Path, *, conversion: bool) -> Path:
    """Empty files with the names of FaceForensics++ (one method), and the published lists."""
    for split in ("train", "val", "test"):
        shutil.copy(bench / f"dataset_files/ffpp_split_{split}.json", root / f"{split}.json")
    if conversion:
        shutil.copy(
            bench / "dataset_files/ffpp_conversion_dict.json", root / "conversion_dict.json"
        )
    pairs = [
        pair
        for s in ("train", "val", "test")
        for pair in json.loads((root / f"{s}.json").read_text())
    ]
    fakes = "manipulated_sequences/Deepfakes/c23/videos"
    reals = "original_sequences/youtube/c23/videos"
    names = [f"{reals}/{name}.mp4" for pair in pairs for name in pair]
    names += [f"{fakes}/{a}_{b}.mp4" for pair in pairs for a, b in (pair, pair[::-1])]
    return tree(root, *names)


def test_official_splits_of_faceforensics_share_youtube_videos(tmp_path: Path, bench: Path) -> None:
    found = audit.audit(audit.read_splits(ffpp_tree(tmp_path, bench, conversion=True)))
    assert {name: size["videos"] for name, size in found["splits"].items()} == {
        **{"train": 1440, "val": 280, "test": 280}
    }
    shared = {
        tuple(leak["splits"]): leak["names"]
        for leak in found["leaks"]
        if leak["kind"] == "identities"
    }
    assert "ffpp:755" in shared["train", "test"]
    assert "ffpp:954" in shared["train", "test"]
    assert {leak["kind"] for leak in found["leaks"]} == {"identities"}


def test_official_splits_of_faceforensics_by_sequence_alone(tmp_path: Path, bench: Path) -> None:
    found = audit.audit(audit.read_splits(ffpp_tree(tmp_path, bench, conversion=False)))
    assert found["leaks"] == []


def test_official_test_list_of_celebdf_shares_its_people(tmp_path: Path, bench: Path) -> None:
    """Videos that are not on the list are for training, and every person has such a video."""
    text = (bench / "dataset_files/celebdf_List_of_testing_videos.txt").read_text()
    listed = [line.split()[1] for line in text.splitlines()]
    people = sorted({person for path in listed for person in re.findall(r"id\d+", path)})
    more = [f"Celeb-real/{person}_9999.mp4" for person in people]
    files = {"List_of_testing_videos.txt": text}
    found = audit.audit(audit.read_splits(tree(tmp_path, *listed, *more, files=files)))
    (leak,) = [leak for leak in found["leaks"] if leak["kind"] == "identities"]
    assert leak["count"] == len(people) == 56
    assert sorted(leak["names"]) == sorted(f"celebdf:{person}" for person in people)


def test_data_set_without_official_splits_is_an_error(tmp_path: Path) -> None:
    root = tree(tmp_path, "Celeb-real/id0_0000.mp4")
    with pytest.raises(ManifestError, match="has 0 official splits"):
        audit.read_splits(root)
