"""Tests of core/tables.py: a table that is written is read unchanged."""

from pathlib import Path

import pandas as pd
import pytest

from deepfake.core import tables

NAN = float("nan")


@pytest.mark.parametrize(("name", "separator"), [("t.csv", ","), ("t.tsv", "\t")])
def test_round_trip(tmp_path: Path, name: str, separator: str) -> None:
    table = pd.DataFrame(
        {
            "video_id": ["007", "NA", 'a "b",\tc'],
            "target": ["1.0", "", "null"],
            "label": [0, 1, 1],
            "score": [0.25, NAN, 1e-7],
        }
    )
    tables.write_csv(tmp_path / name, table)
    content = (tmp_path / name).read_bytes()
    assert content.startswith(separator.join(table.columns).encode() + b"\n")
    assert b"\r" not in content
    pd.testing.assert_frame_equal(tables.read_csv(tmp_path / name), table)


def test_a_table_without_rows_keeps_its_columns(tmp_path: Path) -> None:
    tables.write_csv(tmp_path / "t.csv", pd.DataFrame(columns=["video_id", "score"]))
    table = tables.read_csv(tmp_path / "t.csv")
    assert list(table.columns) == ["video_id", "score"]
    assert table.empty


def test_numbers_are_written_with_six_digits(tmp_path: Path) -> None:
    tables.write_csv(tmp_path / "t.csv", pd.DataFrame({"x": [1 / 3, 2.0]}))
    assert (tmp_path / "t.csv").read_text() == "x\n0.333333\n2\n"


def test_unusual_names_are_read_unchanged(tmp_path: Path) -> None:
    names = [
        "two\nlines",
        "carriage\rreturn",
        "a \"b\", 'c'",
        " spaces ",
        "汉字😀",
        "-i",
        "NA",
        "#x",
    ]
    table = pd.DataFrame({"video_id": names, "path": names, "label": 0})
    tables.write_csv(tmp_path / "t.csv", table)
    pd.testing.assert_frame_equal(tables.read_csv(tmp_path / "t.csv"), table)


def test_quantities_are_written_as_they_are(tmp_path: Path) -> None:
    """Counts have all digits, other numbers four; those that are not finite are left out."""
    values = {"bytes": 44708211, "share": 0.123456, "auc": NAN, "of": {"a.b": 0, "none": {}}}
    tables.write_csv(tmp_path / "q.tsv", tables.quantity_table(values))
    content = (tmp_path / "q.tsv").read_text()
    assert content == "quantity\tvalue\nbytes\t44708211\nshare\t0.1235\nof.a.b\t0\n"
    tables.write_csv(tmp_path / "q.tsv", tables.quantity_table({}))
    assert (tmp_path / "q.tsv").read_text() == "quantity\tvalue\n"
