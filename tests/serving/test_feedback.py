"""Wrong verdicts that people note, and the way from there to training data."""

import csv
import io
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from results import CROP, MODEL, THREE_PEOPLE, make_result
from typer.testing import CliRunner

from deepfake.cli.app import app
from deepfake.core.files import sha256_of
from deepfake.core.labels import FAKE, REAL
from deepfake.datasets.scanning import scan
from deepfake.serving import feedback
from deepfake.serving.feedback import FeedbackError, accept, add_feedback

GIF = b"GIF89a" + bytes(600)


def rows_of(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((folder / "feedback.csv").read_text())))


def mark(folder: Path, separator: str = ",", **cells: list[str]) -> None:
    """Edit cells of the table, and save it as a spreadsheet may."""
    rows = rows_of(folder)
    for name, values in cells.items():
        for row, value in zip(rows, values, strict=True):
            row[name] = value
    with (folder / "feedback.csv").open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=separator)
        writer.writeheader()
        writer.writerows(rows)


def test_from_false_alarms_to_a_data_set(tmp_path: Path) -> None:
    """Two files are kept and one is not; a reviewer corrects, accepts and rejects."""
    folder = tmp_path / "data/feedback"
    alarm = replace(THREE_PEOPLE, path="Anna's photo.JPG")
    kept = add_feedback(folder, alarm, REAL, io.BytesIO(CROP), keep_file=True)
    assert kept
    assert kept.read_bytes() == CROP
    assert kept.suffix == ".jpg"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    missed = add_feedback(folder, make_result("x.jpg"), FAKE, io.BytesIO(GIF), keep_file=True)
    assert missed
    assert missed.suffix == ".mp4", "the content decides"
    formula = make_result('=HYPERLINK("http://a.example")')
    assert add_feedback(folder, formula, FAKE, io.BytesIO(b"no media"), keep_file=False) is None
    first, _, third = rows_of(folder)
    assert first["path"] == kept.relative_to(folder).as_posix()
    assert first["sha256"] == sha256_of(kept)
    assert (first["label"], first["verdict"], first["score"]) == ("REAL", "FAKE", "0.82")
    assert (first["model"], first["model_version"]) == (MODEL.name, MODEL.version)
    assert third["file_name"].startswith("'=")
    assert (third["path"], third["score"]) == ("", "")
    assert {row["review"] for row in rows_of(folder)} == {"unreviewed"}
    assert len(list((folder / "files").iterdir())) == 2

    assert accept(folder) == feedback.Accepted(0, 0, 3)
    mark(
        folder,
        ";",
        review=["accepted", "rejected", "accepted"],
        method=["", "", "faceswap"],
        target=["anna", "", ""],
    )
    result = CliRunner().invoke(app, ["feedback", str(folder)])
    assert result.exit_code == 0
    assert "labels.csv: 1 files" in result.stdout
    assert "1 accepted rows have no file" in result.stdout
    listing = scan(folder, "feedback", "auto", "*")
    (row,) = listing.rows.to_dict("records")
    assert (row["path"], row["label"], row["method"]) == (first["path"], REAL, "real")
    assert (row["target"], row["sha256"]) == ("anna", first["sha256"])
    assert any("1 files are not in labels.csv" in note for note in listing.notes)

    add_feedback(folder, alarm, REAL, io.BytesIO(CROP), keep_file=False)
    assert [one["review"] for one in rows_of(folder)][-1] == "unreviewed"
    assert [one["target"] for one in rows_of(folder)] == ["anna", "", "", ""], "edits stay"


def test_a_person_may_think_again(tmp_path: Path) -> None:
    for label in (REAL, FAKE):
        add_feedback(tmp_path, THREE_PEOPLE, label, io.BytesIO(CROP), keep_file=False)
    (row,) = rows_of(tmp_path)
    assert row["label"] == "FAKE"


def test_many_people_at_once(tmp_path: Path) -> None:
    def add(number: int) -> None:
        content = io.BytesIO(CROP + bytes([number]))
        add_feedback(tmp_path, make_result(f"{number}.jpg"), FAKE, content, keep_file=True)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(16)))
    assert len({row["path"] for row in rows_of(tmp_path)}) == 16


def test_what_cannot_be_written_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(FeedbackError, match="neither an image nor a video"):
        add_feedback(tmp_path, THREE_PEOPLE, REAL, io.BytesIO(b"text"), keep_file=True)
    assert not (tmp_path / "feedback.csv").exists()
    add_feedback(tmp_path, THREE_PEOPLE, REAL, io.BytesIO(CROP), keep_file=False)
    before = (tmp_path / "feedback.csv").read_bytes()

    def interrupt(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfileobj", interrupt)
    with pytest.raises(FeedbackError, match="No space left"):
        add_feedback(tmp_path, THREE_PEOPLE, FAKE, io.BytesIO(CROP), keep_file=True)
    assert (tmp_path / "feedback.csv").read_bytes() == before
    assert not list((tmp_path / "files").iterdir())
    assert not list(tmp_path.glob(".writing-*"))


def test_invalid_reviews_are_errors(tmp_path: Path) -> None:
    with pytest.raises(FeedbackError, match="is missing"):
        accept(tmp_path / "none")
    for name in ("a.jpg", "b.jpg"):
        content = io.BytesIO(CROP + name.encode())
        add_feedback(tmp_path, make_result(name), FAKE, content, keep_file=True)
    first, second = [row["path"] for row in rows_of(tmp_path)]
    mark(tmp_path, review=["yes", "accepted"], label=["FAKE", "maybe"])
    (tmp_path / second).unlink()
    with pytest.raises(FeedbackError) as caught:
        accept(tmp_path)
    assert "row 2: review is 'yes'" in str(caught.value)
    assert "row 3: label is 'maybe'" in str(caught.value)
    assert f"row 3: {second} is missing or changed" in str(caught.value)
    mark(tmp_path, review=["accepted"] * 2, label=["FAKE", "REAL"], path=[first] * 2)
    with pytest.raises(FeedbackError, match="accepted as REAL and as FAKE"):
        accept(tmp_path)
    assert not (tmp_path / "labels.csv").exists()
    for text in ("", "a,b\n1,2\n", "\0", "path,label\n1,2,3\n"):
        (tmp_path / "feedback.csv").write_text(text)
        result = CliRunner().invoke(app, ["feedback", str(tmp_path)])
        assert result.exit_code == 1
        assert "fix or move it" in result.stderr
