"""Whether this machine computes the same bytes as others: `python -m benchmarks.crossing`.

Prints a digest of each building block of the pipeline, with `numerics: machine` and `anywhere`, and
what each costs in processor seconds. benchmarks/crossing.csv has the digests of other processors;
`--write` adds those of this one, and `--emulate Haswell` those of a processor that qemu-user imitates.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from deepfake.base.numerics import ANYWHERE, CPU_INFO, anywhere_environment
from deepfake.cli.machine import processor

TOP = Path(__file__).parents[1]
TABLE = TOP / "benchmarks/crossing.csv"
INDEX = ["numerics", "block"]
MODES = ("machine", ANYWHERE)
EMULATOR = "qemu-x86_64"


@dataclass(frozen=True)
class Digests:
    """What a processor computes.

    Attributes:
        digest: of each block.
        seconds: of the processor, for each block.
    """

    digest: dict[str, str]
    seconds: dict[str, float]


def compute(numerics: str, blocks: Sequence[str] = (), emulate: str | None = None) -> Digests:
    """Run building_blocks.py in a process of its own.

    Args:
        numerics: `machine` or `anywhere`, as in params.yaml.
        blocks: their names; none means all.
        emulate: a processor that qemu-user knows (`qemu-x86_64 -cpu help`); None is this one.

    Raises:
        subprocess.CalledProcessError: a block failed; its error is printed.
        FileNotFoundError: qemu-user is not installed.
    """
    environment = {**os.environ, "PYTHONPATH": str(TOP)}
    if numerics == ANYWHERE:
        environment = anywhere_environment(environment)
    prefix: list[str] = []
    if emulate:
        if shutil.which(EMULATOR) is None:
            raise FileNotFoundError(f"{EMULATOR} not found: apt-get install qemu-user")
        prefix = [EMULATOR, "-cpu", emulate]
        environment.pop("OPENCV_CPU_DISABLE", None)  # these processors lack what it disables
    command = [*prefix, sys.executable, "benchmarks/building_blocks.py", *blocks]
    done = subprocess.run(
        command, cwd=TOP, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return Digests(
        {row["block"]: row["digest"] for row in rows},
        {row["block"]: row["seconds"] for row in rows},
    )


def column_name(emulate: str | None) -> str:
    """The processor as the table names it; servers of several generations are called AMD EPYC."""
    if emulate:
        return f"{emulate} (qemu)"
    text = CPU_INFO.read_text() if CPU_INFO.is_file() else ""
    numbers = [
        re.search(rf"^{key}\s*: (\d+)$", text, re.MULTILINE) for key in ("cpu family", "model")
    ]
    family = " family {} model {}".format(*(n[1] if n else "?" for n in numbers)) if text else ""
    return f"{processor()}{family}"


def read_table() -> pd.DataFrame:
    """Digests by numerics and block, with a column per processor."""
    if not TABLE.is_file():
        return pd.DataFrame(index=pd.MultiIndex.from_tuples([], names=INDEX))
    return pd.read_csv(TABLE, index_col=INDEX, dtype=str)


def known_digests(table: pd.DataFrame) -> dict[tuple[str, str], dict[str, str]]:
    """For each (numerics, block), the digest by processor."""
    rows = table.to_dict("index").items()
    return {
        (str(key[0]), str(key[1])): {str(n): str(d) for n, d in row.items() if isinstance(d, str)}  # type: ignore[index]
        for key, row in rows
    }


def differing_blocks(blocks: Sequence[str] = (), emulate: str | None = None) -> list[str]:
    """Blocks that a processor, with `anywhere`, computes otherwise than the table says.

    Args:
        blocks: their names; none means all.
        emulate: as for `compute`.
    """
    known = known_digests(read_table())
    digests = compute(ANYWHERE, blocks, emulate).digest
    return [b for b, digest in digests.items() if {*known[ANYWHERE, b].values()} != {digest}]


def main() -> None:
    """Print the digests of this machine beside those of others."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("blocks", nargs="*", metavar="BLOCK", help="Name of a block. Default: all.")
    parser.add_argument("--emulate", metavar="CPU", help="A processor that qemu-user imitates.")
    parser.add_argument("--numerics", choices=MODES, help="Only with this setting.")
    parser.add_argument("--write", action="store_true", help=f"Add the digests to {TABLE.name}.")
    options = parser.parse_args()
    table, column = read_table(), column_name(options.emulate)
    known = known_digests(table)
    modes = [options.numerics] if options.numerics else MODES
    for mode in modes:
        result = compute(mode, options.blocks, options.emulate)
        print(f"numerics: {mode}, {column}, {sum(result.seconds.values()):.1f} processor seconds")
        for block, digest in result.digest.items():
            others = {name: d for name, d in known.get((mode, block), {}).items() if name != column}
            differs = [name for name, other in others.items() if other != digest]
            note = f"differs from {', '.join(differs)}" if differs else f"as {len(others)} others"
            print(f"{block:24} {digest} {result.seconds[block]:7.2f} s  {note}")
            table.loc[(mode, block), column] = digest
    if options.write:
        table.to_csv(TABLE, lineterminator="\n")


if __name__ == "__main__":
    main()
