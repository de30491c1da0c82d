"""Results in a file: what has one is not analysed again, whatever ended the process before."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from results import NO_PEOPLE, THREE_PEOPLE
from typer.testing import CliRunner

from deepfake.base.errors import DeepfakeError
from deepfake.base.text import utf8
from deepfake.cli.app import app
from deepfake.core.files import sha256_of
from deepfake.predict import stored_results
from deepfake.predict.inputs import InputFile
from deepfake.predict.result import Result
from deepfake.predict.stored_results import COLUMNS, SUFFIXES, StoredResults
from deepfake.predict.watch import Judged

DETECTOR = "d" * 64


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Three files; one has a line break and what is not UTF-8 in its name."""
    paths = [tmp_path / "in" / name for name in ("a.jpg", "b\n\udcff.jpg", "c,.jpg")]
    paths[0].parent.mkdir()
    for path in paths:
        path.write_bytes(path.name.encode(errors="surrogateescape"))
    return paths


def result_for(path: Path, result: Result = THREE_PEOPLE) -> Result:
    return replace(result, path=utf8(str(path)), sha256=sha256_of(path))


def rows(path: Path) -> pd.DataFrame:
    if path.suffix == ".csv":
        return pd.read_csv(path)
    return pd.read_parquet(path) if path.is_dir() else pd.read_json(path, lines=True)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_has_a_result_is_known_to_the_next_process(
    files: list[Path], tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / "new" / f"out{suffix}"
    inputs = [InputFile(str(file)) for file in files]
    empty = StoredResults(path, DETECTOR)
    assert [empty.has(one) for one in inputs] == [False] * 3
    assert str(empty) == f"{path}: 0 files"
    empty.close()
    first = StoredResults(path, DETECTOR)
    first.add(result_for(files[0]))
    first.add(result_for(files[1], NO_PEOPLE))
    first.close()
    again = StoredResults(path, DETECTOR)
    assert [again.has(one) for one in inputs] == [True, True, False]
    assert [again.verdict(one) for one in inputs[:2]] == ["FAKE", "UNDECIDED"]
    assert str(again) == f"{path}: 2 files, 1 FAKE, 1 UNDECIDED"
    content = sha256_of(files[0])
    assert Judged(content, DETECTOR) in again, "under whatever name, for --watch"
    assert Judged(content, "e" * 64) not in again
    files[0].write_bytes(b"changed")
    files[1].unlink()
    assert [again.has(one) for one in inputs[:2]] == [False, False]
    again.add(result_for(files[0]))
    again.close()
    table = rows(path)
    assert len(table) == 3, "a file that changed has another row"
    assert table["sha256"].nunique() == 3
    assert table["verdict"].tolist() == ["FAKE", "UNDECIDED", "FAKE"]


def test_what_could_not_be_read_is_tried_again(tmp_path: Path) -> None:
    missing, address = InputFile(str(tmp_path / "a.mp4")), InputFile("https://host/a.mp4")
    stored = StoredResults(tmp_path / "out.csv", DETECTOR)
    for file in (missing, address):
        stored.add(replace(NO_PEOPLE, path=file.name))
    assert [stored.has(file) for file in (missing, address)] == [False, False]
    stored.add(replace(NO_PEOPLE, path=address.name, sha256="00ff"))
    assert stored.has(address), "it is not fetched again"


def test_csv_and_parquet_have_the_same_columns(files: list[Path], tmp_path: Path) -> None:
    tables = []
    for name in ("out.csv", "out.parquet"):
        stored = StoredResults(tmp_path / name, DETECTOR)
        for result in (NO_PEOPLE, THREE_PEOPLE):  # the first has no score
            stored.add(result_for(files[0], result))
        stored.close()
        tables.append(rows(tmp_path / name))
    assert list(tables[0]) == list(tables[1]) == [*COLUMNS]
    assert tables[1]["frames_agree"].tolist() == [None, True]
    for row in range(2):  # a CSV does not tell an empty text from none
        values = [
            [None if pd.isna(one) or one == "" else one for one in table.loc[row]]
            for table in tables
        ]
        assert values[0] == values[1]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_any_cut_off_line_is_dropped(files: list[Path], tmp_path: Path, suffix: str) -> None:
    """A process that is killed while it writes leaves the beginning of a line, or of the header."""
    path = tmp_path / f"out{suffix}"
    stored = StoredResults(path, DETECTOR)
    for file in files[:2]:
        stored.add(result_for(file))
    stored.close()
    complete = path.read_bytes()
    for end in (*range(1, len(complete), 97), len(complete) - 1):
        path.write_bytes(complete[:end])
        again = StoredResults(path, DETECTOR)
        for file in files[:2]:
            if not again.has(InputFile(str(file))):
                again.add(result_for(file))
        again.close()
        assert path.read_bytes() == complete


def test_a_killed_process_leaves_its_finished_parquet_files(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_results, "PART_RESULTS", 2)
    folder = tmp_path / "out.parquet"
    killed = StoredResults(folder, DETECTOR)
    for file in files:
        killed.add(result_for(file))
    (folder / ".writing-x").write_bytes(b"half of a file")
    again = StoredResults(folder, DETECTOR)
    assert [again.has(InputFile(str(file))) for file in files] == [True, True, False]
    again.add(result_for(files[2]))
    again.close()
    names = [part.name for part in sorted(folder.glob("part-*"))]
    assert names == ["part-000000.parquet", "part-000001.parquet"]
    assert len(rows(folder)) == 3


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_results_of_another_detector_are_an_error(
    files: list[Path], tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"out{suffix}"
    stored = StoredResults(path, DETECTOR)
    stored.add(result_for(files[0]))
    stored.close()
    with pytest.raises(DeepfakeError, match=r"another model or operating point: name another file"):
        StoredResults(path, "e" * 64)


@pytest.mark.parametrize("content", [b"path,label\n", b"pa", b"\xff\xfe", b'{"path": 1}\n', b"\n"])
@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.parquet/part-0.parquet"])
def test_another_file_is_an_error_and_is_not_changed(
    tmp_path: Path, name: str, content: bytes
) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    if (name, content) == ("out.csv", b"pa"):
        StoredResults(path, DETECTOR).close()  # the beginning of the header
        assert path.read_text().startswith("path,verdict")
        return
    with pytest.raises(DeepfakeError, match="has something else than results of this version"):
        StoredResults(tmp_path / name.split("/")[0], DETECTOR)
    assert path.read_bytes() == content


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for suffix in SUFFIXES:
        with pytest.raises(DeepfakeError, match=r"file/out.* cannot be read or written"):
            StoredResults(tmp_path / "file" / f"out{suffix}", DETECTOR)


@pytest.mark.slow
def test_the_command_goes_on_where_it_ended(
    random_model: Path, demo_root: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.csv"
    clips = [str(demo_root / f"real/orl0{number}_1.mp4") for number in (1, 2)]
    broken = tmp_path / "broken.jpg"
    broken.write_text("no image")

    def predict(*arguments: object) -> tuple[int, str, str]:
        options = ["--model", random_model, "--runtime", "torch", *arguments]
        found = CliRunner().invoke(app, ["predict", *map(str, options)])
        return found.exit_code, found.stdout, found.stderr

    assert predict(*clips, "--output", out)[:2] == (0, "")
    first = out.read_bytes()
    out.write_bytes(first + b"cut off")
    code, printed, notes = predict(broken, *clips, "--output", out)
    assert (code, printed) == (3, "")
    assert f"2 of 3 files have a result in {out}" in notes
    assert out.read_bytes().startswith(first)
    table = list(csv.DictReader(out.read_text().splitlines()))
    assert [row["path"] for row in table] == [*clips, str(broken)]
    code, printed, _ = predict(clips[0], "--json")
    assert json.loads(printed)["score"] == pytest.approx(float(table[0]["score"]), abs=1e-5)
    assert out.read_bytes().count(b"\n") == 4, "printing adds nothing"
    notes = predict(*clips, "--output", out)[2].splitlines()
    assert notes[-2] == f"2 of 2 files have a result in {out}"
    assert notes[-1].startswith(f"{out}: 3 files, ")
    assert predict(clips[0], "--output", "out.txt")[0] == 2
    assert predict(clips[0], "--output", out, "--json")[0] == 2
    assert predict(clips[0], "--output", out, "--frames")[0] == 2
    assert predict("--watch", tmp_path, "--output", "out.parquet")[0] == 2
