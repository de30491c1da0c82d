"""Results for people and for programs."""

import csv
import io
import json
import re
from dataclasses import replace

import pytest
from results import NOBODY, TWO
from rich.console import Console

from deepfake.base.text import printable
from deepfake.predict.output import add_rows, as_csv, as_json, csv_header, new_table
from deepfake.predict.result import Result

EVIL = 'a\x1b[2J[red]\udcff\n,".mp4'


def table(*results: Result, with_frames: bool = False) -> str:
    """What a person sees."""
    made = new_table(0.5)
    for result in results:
        add_rows(made, result, with_frames)
    console = Console(width=160, file=io.StringIO())
    console.print(made)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_json_has_everything_but_the_crops() -> None:
    record = json.loads(as_json(TWO, with_frames=False))
    assert record["verdict"] == "FAKE"
    assert (record["score"], record["interval"], record["threshold"]) == (0.82, [0.72, 0.92], 0.5)
    assert (record["people"], record["frames"], record["frames_with_face"]) == (3, 4, 4)
    assert record["faces"][2] == {
        "track": 2,
        "score": None,
        "interval": None,
        "reason": "too few frames with a face",
        "frames": 1,
        "coverage": 0.25,
    }
    assert "\n" not in as_json(TWO, with_frames=True)


def test_json_of_frames() -> None:
    record = json.loads(as_json(TWO, with_frames=True))
    assert record["faces"][1]["scores"] == [
        {"frame": 25, "seconds": 1.0, "score": 0.7, "box": [25, 10.0, 65.0, 60.0]},
        {"frame": 50, "seconds": 2.0, "score": 0.9, "box": [50, 10.0, 90.0, 60.0]},
    ]


def test_json_and_csv_of_nobody() -> None:
    record = json.loads(as_json(NOBODY, with_frames=True))
    assert (record["verdict"], record["score"], record["faces"]) == ("UNDECIDED", None, [])
    (row,) = csv.DictReader([csv_header(False), as_csv(NOBODY, False)])
    assert (row["score"], row["low"], row["reason"]) == ("", "", "no face found")
    assert as_csv(NOBODY, with_frames=True) == ""


def test_csv_of_files_and_of_frames() -> None:
    (row,) = csv.DictReader([csv_header(False), as_csv(TWO, False)])
    assert (row["path"], row["verdict"], row["score"]) == ("clip.mp4", "FAKE", "0.82")
    assert (row["low"], row["high"], row["people"]) == ("0.72", "0.92", "3")
    rows = list(csv.DictReader([csv_header(True), *as_csv(TWO, True).splitlines()]))
    assert len(rows) == 7
    assert rows[4] == {
        **{"path": "clip.mp4", "track": "1", "frame": "25", "seconds": "1.0", "score": "0.7"},
        **{"left": "25", "top": "10.0", "right": "65.0", "bottom": "60.0"},
    }


def test_table_of_one_of_many_and_of_none() -> None:
    text = table(TWO, NOBODY)
    lines = text.splitlines()
    assert lines[1].split() == [
        "FAKE",
        "0.82",
        "0.72",
        "to",
        "0.92",
        "3",
        "4",
        "of",
        "4",
        "clip.mp4",
    ]
    assert [line.split()[-2:] for line in lines[2:4]] == [["person", "0"], ["person", "1"]]
    assert re.search(r"person 2 +too few frames with a face", lines[4])
    assert "UNDECIDED" in lines[5]
    assert "no face found" in lines[5]
    assert "FAKE begins at 0.50" in lines[6]
    assert "frame 25, 1.0 s" in table(TWO, with_frames=True)


def test_remarks_tell_of_damage_and_doubt() -> None:
    text = table(replace(TWO, note="cut short", certainty="borderline"))
    assert "cut short; borderline" in text


def test_a_hostile_name_steers_no_terminal_and_breaks_no_line() -> None:
    result = replace(TWO, path=EVIL)
    for text in (as_json(result, False), as_csv(result, False)):
        assert "\x1b" not in text
        assert "\n" not in text
        text.encode()
    shown = table(result)
    assert r"a\x1b[2J[red]\udcff\n" in shown
    assert json.loads(as_json(result, False))["path"] == EVIL


@pytest.mark.parametrize("text", ["", "clip.mp4", "Käse 東京.mp4"])
def test_ordinary_names_stay_as_they_are(text: str) -> None:
    assert printable(text) == text
