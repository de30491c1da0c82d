"""What is copied into the repository after a run, and what never is."""

from pathlib import Path

import pytest
import yaml
from trees import files_in, tree

from deepfake.experiments import publish as publishing
from deepfake.experiments.publish import _for_git, publish
from deepfake.params.overlay import ExperimentError

FINISHED = {
    "dvc.yaml": """stages:
  a: {outs: [secret.csv], metrics: [{metrics/m.json: {cache: false}}]}
  b: {plots: [plots/faces.png, {plots/p.tsv: {cache: false, x: a}}, {plots/q.png: {x: a}}]}
""",
    "params.yaml": "dataset: [{root: data/raw/mine}]\n",
    "metrics/m.json": "{}\n",
    "plots/p.tsv": "a\tb\n",
    "models/model.json": "{}\n",
    "models/operating_points.json": "{}\n",
    **dict.fromkeys(["plots/faces.png", "plots/q.png", "secret.csv", "metrics/old.json"], "x"),
}


def test_no_picture_of_faces_is_for_git(repository: Path) -> None:
    stages = yaml.safe_load((repository / "dvc.yaml").read_text())["stages"]
    names = list(_for_git(stages))
    assert "metrics/evaluate.json" in names
    assert "plots/evaluation.png" in names
    assert [name for name in names if "faces" in name] == []


def test_only_what_is_for_git_is_copied(tmp_path: Path) -> None:
    folder = tree(tmp_path / "work", files=FINISHED)
    results = tree(tmp_path / "results", "plots/stale.tsv")
    copied = publish(folder, results, [tmp_path, Path("/")])
    assert files_in(results) == {
        "metrics/m.json",
        "plots/p.tsv",
        "models/model.json",
        "models/operating_points.json",
        "params.yaml",
    }
    assert files_in(results) == {path.as_posix() for path in copied}


def test_a_killed_run_leaves_the_results_of_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tree(tmp_path / "work", files=FINISHED)
    results = tree(tmp_path / "results", files={"params.yaml": "old", "plots/p.tsv": "old"})
    monkeypatch.setattr(publishing, "write_bytes", killed)
    with pytest.raises(KeyboardInterrupt):
        publish(folder, results, [])
    assert (results / "params.yaml").read_text() == (results / "plots/p.tsv").read_text() == "old"


def test_results_that_are_a_link_are_replaced_and_its_folder_is_kept(tmp_path: Path) -> None:
    folder = tree(tmp_path / "work", files=FINISHED)
    elsewhere = tree(tmp_path / "elsewhere", "params.yaml", "notes.txt")
    (tmp_path / "results").symlink_to(elsewhere)
    publish(folder, tmp_path / "results", [])
    assert files_in(elsewhere) == {"params.yaml", "notes.txt"}
    assert (elsewhere / "params.yaml").read_text() == "params.yaml"
    assert "metrics/m.json" in files_in(tmp_path / "results")


def killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_path_of_this_machine_is_not_copied(tmp_path: Path) -> None:
    folder = tree(tmp_path / "work", files=FINISHED)
    results = tree(tmp_path / "results", "plots/stale.tsv")
    (folder / "plots/p.tsv").write_text("at\t/srv/data/a.mp4\n")
    with pytest.raises(ExperimentError, match=r"plots/p\.tsv names /srv/data"):
        publish(folder, results, [Path("/srv/data")])
    assert files_in(results) == {"plots/stale.tsv"}
    publish(folder, results, [Path("/data"), Path("/srv/dat"), Path("/srv/data/b")])


@pytest.mark.parametrize(("name", "size"), [("plots/p.tsv", 3_000_000), ("metrics/m.tar", 1)])
def test_what_is_large_or_neither_text_nor_picture_is_not_copied(
    tmp_path: Path, name: str, size: int
) -> None:
    folder = tree(tmp_path / "work", files={**FINISHED, name: "x" * size})
    stages = (folder / "dvc.yaml").read_text().replace("metrics/m.json", "metrics/m.tar")
    (folder / "dvc.yaml").write_text(stages if name.endswith(".tar") else FINISHED["dvc.yaml"])
    with pytest.raises(ExperimentError, match="no small text or picture"):
        publish(folder, tmp_path / "results", [])
