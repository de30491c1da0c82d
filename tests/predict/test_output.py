"""Results as a table, JSON and CSV."""

import csv
import io
import json
import re
from dataclasses import replace

import pytest
from results import CAUTIOUS, NO_PEOPLE, NOT_CERTAIN, THREE_PEOPLE
from rich.console import Console

from deepfake.base.text import printable
from deepfake.predict.output import add_rows, as_csv, as_json, csv_header, new_table
from deepfake.predict.result import Result

HOSTILE = 'a\x1b[2J[red]\udcff\n,".mp4'


def table(*results: Result, with_frames: bool = False) -> str:
    """The printed table."""
    rich_table = new_table(results[0].operating_point, results[0].calibrated)
    for result in results:
        add_rows(rich_table, result, with_frames)
    console = Console(width=160, file=io.StringIO())
    console.print(rich_table)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_json_has_everything_except_the_crops() -> None:
    record = json.loads(as_json(THREE_PEOPLE, with_frames=False))
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
    assert "\n" not in as_json(THREE_PEOPLE, with_frames=True)


def test_a_score_that_is_no_probability_is_named_so() -> None:
    calibrated = replace(THREE_PEOPLE, calibrated=True)
    assert "calibrated" not in table(calibrated)
    assert "score (not" in table(replace(calibrated, calibrated=False))
    assert json.loads(as_json(calibrated, False))["calibrated"] is True
    assert json.loads(as_json(replace(calibrated, calibrated=False), False))["calibrated"] is False


def test_the_operating_point_and_what_it_is_worth_are_in_every_format() -> None:
    text = table(NOT_CERTAIN)
    for words in (
        "UNDECIDED",
        "0.82",
        "not certain enough",
        "Operating point: cautious. Scores of",
    ):
        assert words in text
    for sentence in (
        "Scores of 0.90 or more are FAKE, below 0.30 REAL, and between them UNDECIDED.",
        "Of 100 real videos like those of the test set, about 5 (2 to 11) are called",
    ):
        assert sentence in " ".join(text.split())
    record = json.loads(as_json(NOT_CERTAIN, False))
    assert (record["verdict"], record["score"]) == ("UNDECIDED", 0.82)
    assert [record[name] for name in ("operating_point", "threshold", "real_below")] == [
        *("cautious", 0.9, 0.3)
    ]
    rate = {"value": 0.05, "low": 0.02, "high": 0.11}
    assert record["measured_on_test"]["false_positive_rate"] == rate
    assert record["measured_on_test"]["real_groups"] == 40
    (row,) = csv.DictReader([csv_header(False), as_csv(NOT_CERTAIN, False)])
    assert (row["operating_point"], row["threshold"], row["real_below"]) == (
        "cautious",
        "0.9",
        "0.3",
    )
    assert (row["false_positive_rate"], row["false_negative_rate"]) == ("0.05", "0.3")
    assert CAUTIOUS.measured is not None


def test_what_was_not_measured_is_left_out() -> None:
    assert "Of 100" not in table(THREE_PEOPLE)
    assert json.loads(as_json(THREE_PEOPLE, False))["measured_on_test"] is None
    (row,) = csv.DictReader([csv_header(False), as_csv(THREE_PEOPLE, False)])
    assert (row["false_positive_rate"], row["false_negative_rate"]) == ("", "")


def test_json_of_frames() -> None:
    record = json.loads(as_json(THREE_PEOPLE, with_frames=True))
    assert record["faces"][1]["scores"] == [
        {"frame": 25, "seconds": 1.0, "score": 0.7, "box": [25, 10.0, 65.0, 60.0]},
        {"frame": 50, "seconds": 2.0, "score": 0.9, "box": [50, 10.0, 90.0, 60.0]},
    ]


def test_json_and_csv_without_a_face() -> None:
    record = json.loads(as_json(NO_PEOPLE, with_frames=True))
    assert (record["verdict"], record["score"], record["faces"]) == ("UNDECIDED", None, [])
    (row,) = csv.DictReader([csv_header(False), as_csv(NO_PEOPLE, False)])
    assert (row["score"], row["low"], row["reason"]) == ("", "", "no face found")
    assert as_csv(NO_PEOPLE, with_frames=True) == ""


def test_csv_of_files_and_of_frames() -> None:
    (row,) = csv.DictReader([csv_header(False), as_csv(THREE_PEOPLE, False)])
    assert (row["path"], row["verdict"], row["score"]) == ("clip.mp4", "FAKE", "0.82")
    assert (row["low"], row["high"], row["people"]) == ("0.72", "0.92", "3")
    rows = list(csv.DictReader([csv_header(True), *as_csv(THREE_PEOPLE, True).splitlines()]))
    assert len(rows) == 7
    assert rows[4] == {
        **{"path": "clip.mp4", "track": "1", "frame": "25", "seconds": "1.0", "score": "0.7"},
        **{"left": "25", "top": "10.0", "right": "65.0", "bottom": "60.0"},
        **{"model": "starter", "model_version": "0123456789ab"},
    }


def test_table_of_several_people_and_of_none() -> None:
    text = table(THREE_PEOPLE, NO_PEOPLE)
    first, second, *lines = text.splitlines()
    assert first.strip() == "score range"
    names = ["verdict", "score", "over frames (95 %)", "people", "frames", "file", "remark"]
    assert re.split(" {2,}", second.strip()) == names
    assert lines[0].split() == [
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
    assert [line.split()[-2:] for line in lines[1:3]] == [["Person", "1"], ["Person", "2"]]
    assert re.search(r"Person 3 +too few frames with a face", lines[3])
    assert "UNDECIDED" in lines[4]
    assert "no face found" in lines[4]
    assert "Scores of 0.50 or more are FAKE." in lines[5]
    assert "frame 25, 1.0 s" in table(THREE_PEOPLE, with_frames=True)


def test_remarks_have_the_note_and_borderline() -> None:
    text = table(replace(THREE_PEOPLE, note="truncated", frames_agree=False))
    assert "truncated; borderline" in text


def test_control_codes_in_a_name_are_escaped() -> None:
    result = replace(THREE_PEOPLE, path=HOSTILE)
    for text in (as_json(result, False), as_csv(result, False)):
        assert "\x1b" not in text
        assert "\n" not in text
        text.encode()
    assert r"a\x1b[2J[red]\udcff\n" in table(result)
    assert json.loads(as_json(result, False))["path"] == HOSTILE


@pytest.mark.parametrize("text", ["", "clip.mp4", "Käse 東京.mp4"])
def test_printable_names_do_not_change(text: str) -> None:
    assert printable(text) == text
