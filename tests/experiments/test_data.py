"""Data sets of an experiment: their folders, their tables, and links that replace each other."""

from pathlib import Path
from typing import Any

import pytest
from trees import tree

from deepfake.base.errors import ManifestError
from deepfake.datasets.importers import csv_file
from deepfake.experiments import data
from deepfake.params.overlay import Experiment, ExperimentError, combine, read_experiment


def experiment(content: dict[str, Any], *names: str, **section: Any) -> Experiment:
    """An experiment on data sets of those names."""
    datasets = {name: {"root": "x", "layout": "auto", "include": "*"} for name in names}
    return combine(content, {"dataset": datasets, "experiment": section})


def test_folders_of_data_are_remembered(content: dict[str, Any], tmp_path: Path) -> None:
    two = experiment(content, "a", "b")
    tree(tmp_path, "here/", "there/", "folder/")
    here, there, folder = tmp_path / "here", tmp_path / "there", tmp_path / "folder"
    with pytest.raises(ExperimentError, match="add --data b=/path/to"):
        data.find_roots(folder, two, {"a": here})
    given = {"a": here, "b": there}
    assert data.find_roots(folder, two, given) == given
    assert data.find_roots(folder, two, {}) == given
    assert data.find_roots(folder, two, {"b": here}) == {"a": here, "b": here}
    here.rmdir()
    with pytest.raises(ExperimentError, match=r"here is not a folder: .* --data a="):
        data.find_roots(folder, two, {})


def test_data_for_no_data_set_is_an_error(content: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match=r"--data x=\.\.\.: .* no such data set, but a, b"):
        data.find_roots(tmp_path, experiment(content, "a", "b"), {"x": tmp_path})


@pytest.mark.parametrize("text", ["", "a", "a=", "=b"])
def test_data_that_is_not_a_name_and_a_path_is_an_error(text: str) -> None:
    with pytest.raises(ExperimentError, match="write NAME=/path"):
        data.parse_data([text])
    with pytest.raises(ExperimentError, match="each name once"):
        data.parse_data(["a=b", "a=c"])
    assert data.parse_data(["a=b=c"]) == {"a": Path("b=c")}


FFPP = (
    *(f"original_sequences/youtube/c23/videos/{n}.mp4" for n in ("000", "003", "005", "006")),
    "original_sequences/youtube/c40/videos/000.mp4",
    "original_sequences/actors/c23/videos/01__talking.mp4",
    *(
        f"manipulated_sequences/{method}/c23/videos/000_003.mp4"
        for method in ("FaceSwap", "FaceShifter")
    ),
    "manipulated_sequences/FaceSwap/c23/videos/005_006.mp4",
)
LISTS = {
    "train.json": '[["000", "003"]]',
    "val.json": "[]",
    "test.json": '[["005", "006"]]',
    "conversion_dict.json": '{"000": "a 0", "003": "b 0", "005": "c 0", "006": "d 0"}',
}


def test_the_zero_shot_overlays_take_train_of_one_and_the_listed_test_of_the_other(
    repository: Path, tmp_path: Path
) -> None:
    found = read_experiment(repository, "celebdf")
    celebdf = ("Celeb-real/id0_0000.mp4", "Celeb-real/id1_0000.mp4")
    listed = {"List_of_testing_videos.txt": "1 Celeb-real/id1_0000.mp4\n"}
    roots = {
        "ffpp": tree(tmp_path / "ffpp", *FFPP, files=LISTS),
        "celebdf": tree(tmp_path / "celebdf", *celebdf, files=listed),
    }
    written = data.link_data(tmp_path / "work", found, roots, repository)
    assert [entry["layout"] for entry in written["dataset"].values()] == ["csv", "csv"]
    ffpp = csv_file.listing(tmp_path / "work/data/raw/ffpp").rows
    original = "original_sequences/youtube/c23/videos/000.mp4"
    fake = "manipulated_sequences/FaceSwap/c23/videos/000_003.mp4"
    assert ffpp["path"].tolist() == [fake, original, original.replace("000", "003")]
    assert ffpp.loc[0].tolist() == [
        *(fake, 1, "FaceSwap", "c23", "ffpp:000", "ffpp:003", original, "train")
    ]
    assert (tmp_path / "work/data/raw/ffpp" / fake).read_text() == fake
    test = csv_file.listing(tmp_path / "work/data/raw/celebdf").rows
    assert test[["path", "official_split"]].values.tolist() == [["Celeb-real/id1_0000.mp4", "test"]]


def test_a_data_set_without_its_lists_is_an_error(repository: Path, tmp_path: Path) -> None:
    root = tree(tmp_path / "ffpp", *FFPP)
    found = read_experiment(repository, "ffpp_c23")
    with pytest.raises(ExperimentError, match=r"keeps nothing of .*ffpp: is it complete"):
        data.prepared_table(found, "ffpp", "faceforensics", root, Path())
    with pytest.raises(ManifestError, match="matches no known layout"):
        data.prepared_table(found, "ffpp", "auto", tree(tmp_path / "empty", "x/"), Path())


def test_an_unknown_column_is_an_error(content: dict[str, Any], tmp_path: Path) -> None:
    found = experiment(content, "mine", keep={"mine": {"colour": ["red"]}})
    with pytest.raises(ExperimentError, match=r"keep\.mine: no column is called colour"):
        data.prepared_table(
            found, "mine", "auto", tree(tmp_path, "real/a.mp4", "fake/b.mp4"), Path()
        )


def test_an_unknown_layout_is_an_error(content: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="layout other is not known: use auto or one of csv"):
        data.prepared_table(experiment(content, "mine"), "mine", "other", tmp_path, Path())


@pytest.mark.parametrize("path", ["../b.mp4", "/b.mp4", "real/../../b.mp4"])
def test_no_link_is_made_outside_of_the_folder(
    content: dict[str, Any], tmp_path: Path, path: str
) -> None:
    root = tree(tmp_path / "root", files={"labels.csv": f"path,label\n{path},0\n"})
    found = experiment(content, "mine", random_split=["mine"])
    with pytest.raises(ExperimentError, match=r"b\.mp4 is not below .*root"):
        data.link_data(tmp_path / "work", found, {"mine": root}, Path())
    assert not (tmp_path / "work").exists()


def test_a_path_that_comes_twice_is_refused(content: dict[str, Any], tmp_path: Path) -> None:
    table = {"labels.csv": "path,label\na.mp4,0\na.mp4,1\n"}
    root = tree(tmp_path / "root", "a.mp4", files=table)
    found = experiment(content, "mine", random_split=["mine"])
    with pytest.raises(ManifestError, match="rows 2 and 3 are of"):
        data.link_data(tmp_path / "work", found, {"mine": root}, Path())


def test_links_are_replaced_and_the_data_stays(content: dict[str, Any], tmp_path: Path) -> None:
    table = {"labels.csv": "path,label\nreal/a.mp4,0\nframes/b,1\n"}
    root = tree(tmp_path / "root", "real/a.mp4", "frames/b/0.png", files=table)
    work = tmp_path / "work"
    place = work / "data/raw/mine"
    plain, random = experiment(content, "mine"), experiment(content, "mine", random_split=["mine"])
    before = sorted(root.rglob("*"))
    for one in (plain, random, random, plain, plain):
        written = data.link_data(work, one, {"mine": root}, Path())
        assert written["dataset"]["mine"]["root"] == "data/raw/mine"
        assert place.is_symlink() == (one is plain)
        assert (place / "real/a.mp4").read_text() == "real/a.mp4"
        links = [path for path in place.rglob("*") if path.is_symlink()]
        assert not any(link.is_dir() for link in links), "DVC would not look through"
        assert set(csv_file.listing(place).rows["path"]) == {"real/a.mp4", "frames/b"}
        assert sorted(root.rglob("*")) == before
    assert (root / "labels.csv").read_text() == table["labels.csv"]
