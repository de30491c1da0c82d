"""Shared by the benchmarks: a command line with --bench, lists of media files, Markdown tables."""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence
from pathlib import Path

BENCH = Path(__file__).resolve().parents[2] / "shared" / "bench"  # next to the repository


def bench_parser(description: str | None, epilog: str | None = None) -> argparse.ArgumentParser:
    """Create a command line with --bench. Its help keeps the line breaks of the texts."""
    parser = argparse.ArgumentParser(
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--bench",
        type=Path,
        default=BENCH,
        metavar="DIR",
        help="folder of the data sets to measure on (default: shared/bench next to the repository)",
    )
    return parser


def list_media(bench: Path, name: str) -> list[Path]:
    """Media files of a data set, in the order of its labels.csv."""
    with (bench / name / "labels.csv").open(newline="") as file:
        return [bench / name / row["path"] for row in csv.DictReader(file)]


def report_missing(bench: Path, *names: str) -> bool:
    """Whether a data set is missing; if so, print an error."""
    for name in names:
        if not (bench / name / "labels.csv").is_file():
            print(f"error: {bench / name / 'labels.csv'} not found: the media are not published;"
                  " set --bench to the folder of your copy", file=sys.stderr)  # fmt: skip
            return True
    return False


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Format a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
