"""The gate: each reason against merging alone, and none where there is none."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from trees import commit, dvc, git, tree
from typer.testing import CliRunner

from deepfake.cli.app import app
from deepfake.params.schema import GateParams
from deepfake.review.gate import CARD, State, judge
from deepfake.review.revisions import ReviewError

pytestmark = pytest.mark.slow

LIMITS = GateParams(floors={"roc_auc": 0.5}, ceilings={"roc_auc": 1.0}, coverage_drop=0.0)
TOP = Path(__file__).resolve().parents[2]


def change_json(path: str, change: dict[str, object]) -> None:
    """Change a metric, and what dvc.lock says about it, as if a stage had written it."""
    content = json.loads(Path(path).read_text())
    Path(path).write_text(json.dumps({**content, **change}))
    dvc(Path(), "commit", "--force", path)


def reasons(base: str = "main", limits: GateParams = LIMITS) -> list[str]:
    return judge(base, limits).reasons


def test_an_unchanged_work_tree_passes(here: Path) -> None:
    judgement = judge(None, LIMITS)
    lines = str(judgement).splitlines()
    assert lines[0].startswith("Gate passed, compared with merge base with main (")
    assert "- dvc.lock is current" in lines
    assert "- 2 metrics are within the limits of params.yaml" in lines
    assert "- no metric is worse on 192 common test videos" in lines
    assert {one.state for one in judgement.findings} == {State.PASSED}
    assert judgement.reasons == []
    assert here == Path.cwd()


def test_a_better_model_passes(here: Path) -> None:
    git(here, "checkout", "--quiet", "better")
    dvc(here, "checkout")
    assert reasons() == []


def test_a_worse_model_is_refused_with_the_interval(here: Path) -> None:
    git(here, "checkout", "--quiet", "worse")
    dvc(here, "checkout")
    found = reasons()
    assert found[0].startswith("test ROC-AUC is worse: ")
    assert " on 192 common videos, p " in found[0]
    assert " after correction for 6 metrics; 95 % interval of this metric alone -" in found[0]
    assert all(" is worse: " in reason for reason in found)
    assert reasons("worse") == [], "compared with itself"


def test_leaks_and_a_lower_coverage(here: Path) -> None:
    git(here, "checkout", "--quiet", "data")
    dvc(here, "checkout")
    leak, coverage = reasons()
    assert leak.startswith("2 leaks between the splits after 0: ")
    assert coverage.startswith("the coverage of test videos fell from 1 to ")
    allowed = LIMITS.model_copy(update={"coverage_drop": 0.1})
    assert reasons(limits=allowed) == [leak]


@pytest.mark.usefixtures("here")
def test_a_lock_that_is_not_current() -> None:
    path = Path("params.yaml")
    path.write_text(path.read_text().replace('"noise": 1.0', '"noise": 1.5'))
    (reason,) = reasons()
    assert reason.startswith("dvc.lock is not current, train would run: run `dvc repro`")


@pytest.mark.usefixtures("here")
def test_limits() -> None:
    limits = GateParams(floors={"roc_auc": 0.95}, ceilings={"roc_auc": 0.85}, coverage_drop=0)
    assert reasons(limits=limits) == [
        "test ROC-AUC is 0.9, below 0.95 (gate.floors in params.yaml)",
        "test ROC-AUC is 0.9, above 0.85 (gate.ceilings in params.yaml)",
    ]
    (reason,) = reasons(limits=LIMITS.model_copy(update={"floors": {"rocauc": 0.5}}))
    assert "has no test.rocauc" in reason


def test_an_output_that_the_remote_lacks(here: Path, tmp_path: Path) -> None:
    shutil.rmtree(here / ".dvc/cache")
    assert reasons() == [], "as in a fresh clone"
    dvc(here, "remote", "modify", "storage", "url", str(tmp_path / "empty"))
    (reason,) = reasons()
    assert reason.startswith("the DVC remote storage lacks data/crops, data/manifest.csv, ")
    assert reason.endswith("run `dvc push`")
    dvc(here, "remote", "modify", "storage", "url", "ssh://127.0.0.1:9/x")
    (reason,) = reasons()
    assert reason.startswith("the DVC remote storage cannot be read (")
    dvc(here, "remote", "remove", "storage")
    judgement = judge("main", LIMITS)
    assert judgement.reasons == []
    assert "- not checked: storage, since there is no default DVC remote" in str(judgement)


def add_card_stage(folder: Path) -> None:
    """A stage card, which has run."""
    pipeline = yaml.safe_load((folder / "dvc.yaml").read_text())
    pipeline["stages"]["card"] = {
        "cmd": f"echo card > {CARD}",
        "deps": ["notes.md"],
        "outs": [{CARD: {"cache": False}}],
    }
    tree(folder, "notes.md", files={"dvc.yaml": yaml.safe_dump(pipeline)})
    dvc(folder, "repro", "card")
    commit(folder)


@pytest.mark.parametrize("how", ["notes", "by hand", "deleted"])
def test_a_stale_model_card(here: Path, how: str) -> None:
    add_card_stage(here)
    assert reasons() == []
    if how == "notes":
        (here / "notes.md").write_text("new")
    elif how == "by hand":
        (here / CARD).write_text("AUC 1.0")
    else:
        (here / CARD).unlink()
    assert reasons() == [
        f"the model card {CARD} is stale: run `dvc repro card`, and commit it",
    ]


def test_a_base_without_scores(here: Path) -> None:
    git(here, "checkout", "--quiet", "--orphan", "first")
    git(here, "rm", "--quiet", "-r", "--cached", ".")
    git(here, "add", "dvc.yaml", "params.yaml", ".dvc/config")
    git(here, "commit", "--quiet", "--message", "no results")
    git(here, "branch", "old")
    judgement = judge("old", LIMITS)
    assert judgement.reasons == []
    unchecked = [one.text for one in judgement.findings if one.state is State.NOT_CHECKED]
    assert unchecked[0].startswith("differences of metrics, since old (")
    assert unchecked[1].startswith("the drop of the coverage, since metrics/evaluate.json of old")


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    "name", ["plots/scores/test.tsv", "metrics/evaluate.json", "metrics/split.json"]
)
def test_results_that_are_damaged_or_deleted(name: str) -> None:
    Path(name).write_text("{}" if name.endswith(".json") else "a\tb\n1\t2\n")
    dvc(Path(), "commit", "--force", name)
    assert judge("main", LIMITS).reasons or name.endswith(".tsv")
    Path(name).unlink()
    assert any(name in reason for reason in reasons())


def test_an_unknown_revision(here: Path) -> None:
    with pytest.raises(ReviewError, match="nowhere is no revision"):
        judge("nowhere", LIMITS)
    shutil.copy(TOP / "params.yaml", here)
    result = CliRunner().invoke(app, ["gate", "nowhere"])
    assert result.exit_code == 2
    assert result.stderr.startswith("error: nowhere is no revision")


def test_invalid_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = (TOP / "params.yaml").read_text()
    tree(tmp_path, files={"params.yaml": text.replace("coverage_drop: 0.01", "coverage_drop: 2")})
    result = CliRunner().invoke(app, ["gate"])
    assert result.exit_code == 2
    assert "gate.coverage_drop" in result.stderr
