"""Pull requests of a small repository, reviewed: better, worse, other data, and what is missing."""

import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from dvc.repo import Repo
from html_page import Page as ParsedPage
from review_repository import run_pipeline, write_params
from trees import commit, git
from typer.testing import CliRunner

from deepfake.cli.app import app
from deepfake.review.page import Page, Section
from deepfake.review.review import review
from deepfake.review.revisions import ReviewError, changed_files, open_revisions

pytestmark = pytest.mark.slow


def section(page: Page, title: str) -> Section:
    (found,) = (one for one in page.sections if one.title.startswith(title))
    return found


def rows(page: Page, title: str, table: int = 0) -> dict[str, Sequence[str]]:
    """The rows of a table by their first cell."""
    return {row[0]: row[1:] for row in section(page, title).tables[table].rows}


def state(folder: Path) -> str:
    """What git says about the work tree, and where HEAD is."""
    command = ["git", "status", "--short", "--branch", "--ignored"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True).stdout


def test_a_better_parameter(here: Path) -> None:
    before = state(here)
    result = CliRunner().invoke(app, ["review", "main", "better"])
    assert result.exit_code == 0, result.output
    assert re.match(r"main \(\w{7}\) → better \(\w{7}\)\nbetter: ROC-AUC, PR-AUC, ", result.stdout)
    assert result.stdout.endswith("see .scratch/review/review.md and .scratch/review/review.html\n")
    shutil.rmtree(".scratch")
    assert state(here) == before, "nothing is checked out"

    page = review("main", "better")
    verdict, old, new, difference, interval, p, *_ = rows(page, "Metrics")["ROC-AUC"]
    low, high = map(float, interval.split(" to "))
    assert verdict == "better"
    assert 0 < low < float(difference) < high
    assert float(new) - float(old) == pytest.approx(float(difference), abs=2e-4)
    assert p == "<0.0001"
    assert rows(page, "Params") == {"train.noise": ["1.0", "0.4"]}
    assert section(page, "Data").notes[-1] == "no difference"
    stages = rows(page, "Stages")
    assert [*stages] == ["evaluate", "train"]
    assert stages["train"][1:3] == ["rerun", "models/model.json, plots/train/history.tsv"]
    assert section(page, "Stages").notes == ["dvc.lock is current: no stage would run"]
    assert not [one for one in page.sections if one.title == "What could not be read"]


@pytest.mark.usefixtures("here")
def test_a_worse_parameter() -> None:
    page = review("main", "worse")
    assert rows(page, "Metrics")["ROC-AUC"][0] == "worse"
    assert page.sections[0].notes[0].startswith("worse: ROC-AUC")
    now = [cells[0] for cells in rows(page, "Verdicts").values()]
    assert now.count("wrong") > now.count("right")
    checks = rows(page, "Checks")
    assert checks["robustness: mean drop of the ROC-AUC"] == ["0.0500", "0.1000", "+0.0500"]
    assert CliRunner().invoke(app, ["review", "main", "worse"]).exit_code == 0, "the gate judges"


@pytest.mark.usefixtures("here")
def test_a_change_of_data() -> None:
    page = review("main", "data")
    (first, undecided, same, *_) = section(page, "Metrics").notes
    assert first.startswith(
        "not comparable as a whole: the test sets differ (1 removed, 12 added, 1 with"
    )
    assert "on the 189 common videos" in first
    assert undecided == "common videos that are UNDECIDED in one revision, and left out: 1"
    assert same == "every score is the same in both"
    counted = {(row[0], row[3]): row[4] for row in section(page, "Data").tables[0].rows}
    assert counted == {
        ("added", "REAL"): "12",
        ("added", "FAKE"): "12",
        ("removed", "FAKE"): "1",
        ("relabelled", "FAKE"): "1",
    }
    assert section(page, "Data").notes[1] == "relabelled: faces/real/p01_0"
    assert rows(page, "Verdicts")["faces/swap/p05_1"][:2] == ["undecided", "FAKE → UNDECIDED"]
    summary = section(page, "Summary").notes
    assert "the test sets differ, so only their common videos are compared" in summary
    assert "2 leaks between the splits" in summary
    assert "coverage fell from 1 to 0.9951" in summary


def test_videos_that_move_to_another_split_or_get_other_content(here: Path) -> None:
    path = here / "data/splits"
    train, test = ((path / f"{name}.csv").read_text().splitlines() for name in ("train", "test"))
    moved = train.pop()
    replaced = re.sub(r",\d{64},", f",{'9' * 64},", moved)
    for name, lines in (("train", train), ("test", [*test, moved])):
        (path / f"{name}.csv").unlink()
        (path / f"{name}.csv").write_text("\n".join(lines) + "\n")
    manifest = here / "data/manifest.csv"
    text = manifest.read_text()
    row = moved.rpartition(",")[0]
    assert row in text
    manifest.unlink()
    manifest.write_text(text.replace(row, replaced.rpartition(",")[0]))
    changes = {row[0] for row in section(review("main", None), "Data").tables[0].rows}
    assert changes == {"moved from train to test", "other content"}


def test_by_default_the_work_tree_is_compared_with_where_it_left_main(here: Path) -> None:
    git(here, "checkout", "--quiet", "better")
    with Repo() as repo:
        repo.checkout()
    page = review(None, None)
    assert re.fullmatch(r"merge base with main \(\w{7}\)", page.old)
    assert page.new == "work tree"
    assert rows(page, "Metrics")["ROC-AUC"][0] == "better"

    write_params(here, {"train": {"noise": 0.2}})
    make = here / "stages/make.py"
    make.write_text(f"{make.read_text()}# edited\n")
    page = review(None, None)
    assert rows(page, "Params")["train.noise"] == ["1.0", "0.2"]
    stages = rows(page, "Stages")
    assert {cells[0] for cells in stages.values()} == {"stages/make.py"}
    assert {cells[3] for cells in stages.values()} == {"yes"}
    (line,) = (note for note in page.sections[0].notes if note.startswith("dvc.lock"))
    assert line.startswith("dvc.lock is not current: ")
    run_pipeline(here)
    assert section(review(None, None), "Stages").notes == [
        "dvc.lock is current: no stage would run"
    ]


@pytest.mark.usefixtures("here")
def test_what_is_missing_is_pulled_from_the_remote() -> None:
    shutil.rmtree(".dvc/cache")
    shutil.rmtree("data")
    page = review("main", "data")
    assert section(page, "Data").notes[0] == "384 videos before, 407 now"
    (table,) = section(page, "Verdicts").tables
    assert [str(image)[:15] for image in table.images or ()] == ["data:image/jpeg"]
    assert not Path("data").exists()


def test_what_is_nowhere_is_listed(here: Path) -> None:
    shutil.rmtree(".dvc/cache")
    remote = here / "no-such-remote"
    Path(".dvc/config.local").write_text(f"['remote \"storage\"']\n    url = {remote}\n")
    page = review("main", "worse")
    assert rows(page, "Metrics")["ROC-AUC"][0] == "worse", "scores are in git"
    assert section(page, "Data").notes == ["not known: a manifest could not be read, see below"]
    missing = section(page, "What could not be read").notes
    assert any("has no data/manifest.csv" in line and "`dvc push`" in line for line in missing)
    assert any(
        "faces are neither in DVC's cache" in line for line in section(page, "Verdicts").notes
    )


def test_scores_that_are_not_in_git_are_pulled(here: Path) -> None:
    git(here, "checkout", "--quiet", "-b", "private", "worse")
    scores = here / "plots/scores/test.tsv"
    scores.write_text(scores.read_text().splitlines(keepends=True)[0])
    commit(here)
    shutil.rmtree(".dvc/cache")
    page = review("main", "private")
    assert rows(page, "Metrics")["ROC-AUC"] == rows(review("main", "worse"), "Metrics")["ROC-AUC"]
    (line,) = section(page, "What could not be read").notes
    assert line.endswith(
        "has no scores in plots/scores/test.tsv: data/predictions/test.csv is read instead"
    )


def test_a_revision_without_scores(here: Path) -> None:
    git(here, "checkout", "--quiet", "-b", "old")
    shutil.rmtree("plots")
    Path("dvc.lock").unlink()
    commit(here)
    page = review("HEAD", "main")
    assert (
        page.sections[0].notes[0] == "not comparable: no test video has a score in both revisions"
    )
    missing = section(page, "What could not be read").notes
    for path in ("plots/scores/test.tsv", "data/predictions/test.csv", "plots/robustness.tsv"):
        assert any(f" {path}: " in line for line in missing), path
    figures = [figure.svg for figure in section(page, "Plots").figures]
    assert figures
    assert not any('class="old"' in svg for svg in figures), "only one revision has curves"


@pytest.mark.parametrize(
    ("path", "content", "problem"),
    [
        ("plots/evaluate/pr.tsv", "", "plots/evaluate/pr.tsv is no table"),
        ("plots/scores/test.tsv", "video_id\tlabel\na\t1\n", "has no column method, dataset"),
        ("plots/evaluate/roc.tsv", "x\ty\n1\t2\n", "plots/evaluate/roc.tsv has no column fpr, tpr"),
        ("metrics/evaluate.json", "{", "metrics of metrics/evaluate.json could not be read"),
        ("experiments/results/params_seeds.json", "{}", "params_seeds.json is damaged"),
    ],
)
@pytest.mark.usefixtures("here")
def test_damaged_files_are_named(path: str, content: str, problem: str) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(content)
    missing = section(review("main", None), "What could not be read").notes
    assert any(problem in line for line in missing), missing


def test_the_luck_of_the_seed(here: Path) -> None:
    spreads = {
        f"test.{name}": {"mean": 0.9, "deviation": 0.1, "luck": 0.5} for name in ("roc_auc", "f1")
    }
    path = here / "experiments/results/params_seeds.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"seeds": 3, "metrics": spreads}))
    git(here, "checkout", "--quiet", "worse")
    with Repo() as repo:
        repo.checkout()
    page = review("main", None)
    cells = rows(page, "Metrics")
    assert (cells["ROC-AUC"][-1], cells["PR-AUC"][-1]) == ("±0.5000", "-")
    assert section(page, "Metrics").notes[-1] == "within the luck of the seed: ROC-AUC, F1"


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (["no-such-branch"], "run `git fetch`, then name a branch, tag or commit"),
        (["main", "no-such-branch"], "no-such-branch is no revision"),
    ],
)
def test_an_unknown_revision(here: Path, arguments: list[str], remedy: str) -> None:
    result = CliRunner().invoke(app, ["review", *arguments])
    assert (result.exit_code, remedy in result.stderr) == (1, True), result.output
    assert not (here / ".scratch").exists()


def test_without_a_main_branch_or_a_common_commit(here: Path) -> None:
    git(here, "checkout", "--quiet", "--orphan", "alone")
    commit(here)
    with pytest.raises(ReviewError, match=r"main and HEAD have no common commit: name the base"):
        review(None, None)
    git(here, "branch", "--delete", "--force", "main")
    with pytest.raises(ReviewError, match=r"no branch main or origin/main: name the base"):
        review(None, None)


def test_a_clone_that_has_the_main_branch_only_as_a_remote_one(here: Path) -> None:
    git(here, "checkout", "--quiet", "worse")
    git(here, "update-ref", "refs/remotes/origin/main", "main")
    git(here, "branch", "--delete", "--force", "main")
    assert review(None, "worse").old.startswith("merge base with origin/main (")


def test_outside_of_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ReviewError, match="no DVC repository"):
        review(None, None)


@pytest.mark.usefixtures("here")
def test_git_that_fails_is_an_error_and_not_an_empty_list() -> None:
    with open_revisions("main", None) as (old, new):
        old.commit = "0" * 40
        with pytest.raises(ReviewError, match=r"`git diff .* failed"):
            changed_files(old, new)


@pytest.mark.usefixtures("here")
def test_a_broken_pipeline_or_another_dvc_process() -> None:
    with Repo() as repo, repo.lock, pytest.raises(ReviewError, match="another DVC process"):
        review("main", None)
    Path("dvc.yaml").write_text("stages: [")
    with pytest.raises(ReviewError, match=r"fix dvc\.yaml, dvc\.lock or params\.yaml"):
        review("main", None)


@pytest.mark.usefixtures("here")
def test_the_html_requests_nothing_and_can_be_read_aloud() -> None:
    text = review("main", "worse").html()
    parsed = ParsedPage(text)
    assert not re.findall(r"""(?:src|href)=["'](?!data:)|@import|url\(|<script""", text)
    assert parsed.count("table") == parsed.count("caption") > 3
    assert all(attributes.get("scope") for tag, attributes in parsed.tags if tag == "th")
    assert all(attributes.get("alt") for tag, attributes in parsed.tags if tag == "img")
    assert parsed.count("img") > 10
    assert all(attributes.get("aria-label") for tag, attributes in parsed.tags if tag == "svg")
    assert parsed.count("svg") == 9
    assert "prefers-color-scheme: dark" in text
