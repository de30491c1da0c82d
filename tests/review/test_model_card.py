"""The model card: what a person reads first, and what becomes of files that are missing or empty."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from finished_run import point, write_run

from deepfake.core.tables import read_csv, write_csv
from deepfake.model.operating_points import Thresholds
from deepfake.review.model_card import SECTIONS, CardError, model_card, read_notes

TOP = Path(__file__).resolve().parents[2]
STARTER = TOP / "models/starter/model.json"
NOTES = ("docs/model-card-notes.md", "docs/starter-notes.md")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "run", STARTER)


def card_of(run: Path, notes: Path = TOP / NOTES[0]) -> str:
    """The card, with one space for each space and line break outside of tables."""
    text = model_card(run, notes)
    return re.sub(r"(?<!\|)\n(?![\n|#-])", " ", text)


def test_the_first_lines_say_what_it_detects_and_how_often_it_is_wrong(run: Path) -> None:
    start, *_ = card_of(run).split("## ")
    data = ", ".join(json.loads(STARTER.read_text())["origin"]["datasets"])
    assert f"It learnt from fakes made by warp\\|paste (data: {data})." in start
    assert "On 200 real and 200 fake test videos of people that it never saw" in start
    assert "operating point `cautious`" in start
    assert "of 100 real videos, 5 (0 to 10) are called FAKE;" in start
    assert "of 100 fakes, 70 (65 to 75) are called FAKE and 20 (15 to 25) REAL;" in start
    assert "10 (5 to 15) are left UNDECIDED" in start
    assert len(start.split()) < 250, "it is read in a minute"


def test_the_sections_and_their_tables(run: Path) -> None:
    text = card_of(run)
    headings = re.findall("^## (.+)$", text, re.MULTILINE)
    assert [name for name in headings if name in SECTIONS] == [*SECTIONS]
    for row in (
        f"| `strict` | {Thresholds(0.5, 0.5)} | 5 (0 to 10) | 70 (65 to 75) | 10 (5 to 15) |",
        "| ROC-AUC | .900 (.850 to .950) | 40 |",
        "| ROC-AUC of single frames | .850 (.800 to .900) | 40 |",
        "| share of people of whose real videos more than half are called FAKE | .070 | – |",
        "| dataset | clips | 400 | 40 | .800 (.750 to .850) | .600 (.550 to .650) | .100 (.050 to .150) |",
        "| face pixels | low: 48 to 90 | 400 | 40 | – | – | .300 (.250 to .350) |",
        "| metadata | .550 |",
        "| test | 100 | 120 | 25 | 20 |",
    ):
        assert row in text.splitlines()
    assert text.index("| dataset | clips") < text.index("| method | warp\\|paste")
    assert text.index("| noise | .600") < text.index("| jpeg | .800"), "the largest drop first"
    assert "- The ROC-AUC is lowest for dataset clips: .800" in text
    assert "- The ROC-AUC drops most by noise: by .300 (.200 to .400)." in text
    assert "- Only test has fakes made by other." in text
    assert "70 people occur in all" in text
    assert "Leaks between the splits: 0." in text


def test_a_small_val_and_test_set(tmp_path: Path) -> None:
    points = {
        "balanced": point(0.5, 0.5, width=None, groups=4),
        **dict.fromkeys(("strict", "screening", "cautious")),
    }
    problems = dict.fromkeys(("strict", "screening", "cautious"), "val has 20 REAL videos")
    text = card_of(write_run(tmp_path, STARTER, points, problems))
    assert "operating point `balanced`, which prediction uses by default" in text
    assert "of 100 real videos, 5 are called FAKE;" in text
    assert "not certain enough" not in text, "balanced decides every video"
    assert "the videos show 4 people. 10 are needed, and most videos must not be of a few." in text
    assert "| `strict` | not available: val has 20 REAL videos | – | – | – |" in text


def test_a_run_without_test_videos(run: Path) -> None:
    content = {"operating_points": dict.fromkeys(["balanced"]), "point_problems": {}}
    (run / "models/operating_points.json").write_text(json.dumps(content))
    (run / "metrics/evaluate.json").write_text("{}")
    for name in ("evaluate/metrics.tsv", "robustness.tsv", "shortcuts.tsv"):
        path = run / "plots" / name
        write_csv(path, read_csv(path)[:0])
    text = card_of(run)
    assert "**How often it is wrong.** Not measured" in text
    assert "There are no test videos." in text
    assert "not measured" in text
    assert not re.search("nan|None", text.replace("Nonetheless", ""))


def test_an_uncalibrated_score_and_leaks(run: Path) -> None:
    path = run / "models/model.json"
    card = json.loads(path.read_text()) | {"calibration_problem": "4 groups of val"}
    path.write_text(json.dumps(card))
    (run / "metrics/split.json").write_text('{"leaks": 3, "people": 70}')
    text = card_of(run)
    assert "The score is **not calibrated** (4 groups of val)" in text
    assert "people or content of some are in its training data, too" in text
    assert "never saw" not in text


def test_names_from_the_data_are_no_markup(run: Path) -> None:
    path = run / "plots/split/balance.tsv"
    table = read_csv(path)
    table.loc[table["method"] == "other", "method"] = "<img src=x>|\x1b"
    write_csv(path, table)
    assert "Only test has fakes made by &lt;img src=x&gt;\\|\\x1b." in card_of(run)


@pytest.mark.parametrize("name", ["models/operating_points.json", "plots/shortcuts.tsv"])
def test_a_file_that_is_missing(run: Path, name: str) -> None:
    (run / name).unlink()
    with pytest.raises(CardError, match=f"{name} is missing: run `dvc repro`"):
        card_of(run)


def test_a_table_of_another_form(run: Path) -> None:
    pd.DataFrame({"quantity": [], "value": []}).to_csv(run / "plots/split/summary.tsv", sep="\t")
    with pytest.raises(CardError, match="are of another version or damaged"):
        card_of(run)


@pytest.mark.parametrize("name", NOTES)
def test_the_notes_of_the_repository(name: str) -> None:
    notes = read_notes(TOP / name)
    assert notes.sections.keys() == {*SECTIONS}
    text = (TOP / name).read_text()
    for link in re.findall(r"\]\(([^)#]+)", text):
        assert link.startswith("/"), "the card is in another folder"
        assert (TOP / link.removeprefix("/")).exists(), link


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# The", "The"),
        ("## Terms", "## Conditions"),
        ("## Terms", "## Intended use"),
        ("## Out of scope", "## Out of scope\n\n## More"),
    ],
)
def test_notes_with_other_headings(tmp_path: Path, old: str, new: str) -> None:
    path = tmp_path / "notes.md"
    path.write_text((TOP / NOTES[0]).read_text().replace(old, new, 1))
    with pytest.raises(CardError, match=r"notes\.md must begin with a title .* ## Out of scope"):
        read_notes(path)


def test_no_notes(tmp_path: Path) -> None:
    with pytest.raises(CardError, match=r"notes\.md is missing: restore it with `git checkout"):
        read_notes(tmp_path / "notes.md")
