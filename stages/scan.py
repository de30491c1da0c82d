"""List one data set: its root -> data/scanned/NAME.csv and what is worth knowing of it."""

import sys
from pathlib import Path

from deepfake.files import write_json
from deepfake.scanning import scan
from deepfake.stage import reporting
from deepfake.tables import write_csv


def main(name: str, root: str, layout: str, include: str) -> None:
    """Write the rows of one data set, with the digests of its files, and the notes."""
    found = scan(Path(root), name, layout, include)
    for note in found.notes[:20]:
        print(f"{name}: {note}")
    write_csv(Path("data/scanned") / f"{name}.csv", found.rows)
    write_json(Path("data/scanned") / f"{name}.json", found.notes)


if __name__ == "__main__":
    with reporting():
        main(*sys.argv[1:])
