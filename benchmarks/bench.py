"""What the benchmarks share: the real data beside the checkout, its option, and a table."""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence
from pathlib import Path

BENCH = Path(__file__).resolve().parents[1].parent / "shared" / "bench"


def bench_parser(description: str | None, epilog: str | None = None) -> argparse.ArgumentParser:
    """A command line with --bench, whose help keeps its lines."""
    parser = argparse.ArgumentParser(
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--bench", type=Path, default=BENCH, help="folder with the real data")
    return parser


def listed(bench: Path, name: str) -> list[Path]:
    """The media that the table of a folder lists, in its order."""
    with (bench / name / "labels.csv").open(newline="") as file:
        return [bench / name / row["path"] for row in csv.DictReader(file)]


def is_missing(bench: Path, *names: str) -> bool:
    """Whether a folder is not there, which is told."""
    for name in names:
        if not (bench / name / "labels.csv").is_file():
            print(f"error: {bench / name} has no labels.csv; the media are not published with the"
                  " project, point --bench at your copy", file=sys.stderr)  # fmt: skip
            return True
    return False


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
