"""Compare this run with the committed one: `python -m tests.same_metrics`.

On a processor that benchmarks/crossing.csv names, if it computes every building block as the table
says, every output of every stage must be equal, except `EXCEPTIONS`. Elsewhere, training amplifies
other rounding: counts must be equal and ranks similar. Metrics at a threshold vary more (by .17 for a few grey levels in the
crops) and are not compared there.
"""

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from benchmarks.crossing import column_name, differing_blocks, read_table
from deepfake.base.numerics import ANYWHERE

TOP = Path(__file__).parents[1]
LOCKS = ("dvc.lock", "data/demo/dvc.lock")
# Computed by a library that nothing can fix, by the name of the block: outputs that may differ with it.
EXCEPTIONS = {"onnx runtime": {"metrics/export.json", "plots/export.tsv"}}
RANKS = ("roc_auc", "pr_auc")
RANK_TOLERANCE = 0.15  # seen between two processors before `numerics: anywhere`
# Shortcuts vary more, which are measured on forty files: .24 on one processor and .46 on another,
# although their swapped faces differ by one grey level in a few pixels.
UNSTABLE = "shortcuts.json"
COUNTED = ("metrics/manifest.json", "plots/frames.tsv", "plots/crops.tsv")  # before training


def flat(value: Any, name: str) -> dict[str, float]:
    """Nested metrics as dotted names."""
    if not isinstance(value, dict):
        return {name: value}
    return {key: item for k, v in value.items() for key, item in flat(v, f"{name}.{k}").items()}


def committed(path: Path) -> str:
    """Content of a file in the last commit."""
    show = ["git", "show", f"HEAD:{path.relative_to(TOP).as_posix()}"]
    return subprocess.run(show, cwd=TOP, check=True, capture_output=True, text=True).stdout


def differences(path: Path) -> list[str]:
    """Metrics of one file that differ by more than is allowed."""
    now = flat(json.loads(path.read_text(encoding="utf-8")), path.stem)
    then = flat(json.loads(committed(path)), path.stem)
    lines = [f"{name} exists in one of the two only" for name in now.keys() ^ then.keys()]
    ranked = (
        [] if path.name == UNSTABLE else [n for n in now.keys() & then.keys() if n.endswith(RANKS)]
    )
    far = [name for name in ranked if abs(now[name] - then[name]) > RANK_TOLERANCE]
    return [*lines, *(f"{name}: committed {then[name]}, now {now[name]}" for name in far)]


def similar() -> list[str]:
    """What differs from the committed run by more than another processor explains."""
    files = sorted((TOP / "metrics").glob("*.json"))
    found = [line for path in files for line in differences(path)]
    return found + [
        f"{name}: the counts differ"
        for name in COUNTED
        if committed(TOP / name) != (TOP / name).read_text(encoding="utf-8")
    ]


def outputs(lock: str) -> dict[str, str]:
    """The digest of each output of a dvc.lock, by "stage: path"."""
    stages: dict[str, Any] = yaml.safe_load(lock)["stages"]
    return {
        f"{stage}: {out['path']}": out["md5"]
        for stage, entry in stages.items()
        for out in entry.get("outs", [])
    }


def unequal(now: str, then: str, allowed: Iterable[str] = ()) -> list[str]:
    """Outputs, as "stage: path", that differ between two versions of a dvc.lock."""
    pairs = outputs(now).items() ^ outputs(then).items()
    return sorted({name for name, _ in pairs if name.split(": ")[1] not in {*allowed}})


def main() -> None:
    """Exit with code 1 and a list if this run differs from the committed one."""
    params = yaml.safe_load((TOP / "params.yaml").read_text(encoding="utf-8"))
    blocks = differing_blocks() if params["numerics"] == ANYWHERE else ["numerics: machine"]
    allowed = {path for block in blocks for path in EXCEPTIONS.get(block, ())}
    locks = [((TOP / name).read_text(encoding="utf-8"), committed(TOP / name)) for name in LOCKS]
    found = [line for now, then in locks for line in unequal(now, then, allowed)]
    others = [block for block in blocks if block not in EXCEPTIONS]
    processor = column_name(None)
    is_known = processor in read_table()
    if found and (others or not is_known):
        known = "known" if is_known else "not in benchmarks/crossing.csv"
        print(f"{processor} ({known}) computes otherwise: {', '.join(others) or 'no block'}")
        print("\n".join([f"{len(found)} outputs differ:", *found]))
        found = similar()
        print("compared within a tolerance")
    if found:
        sys.exit("\n".join(["this run differs from the committed one:", *found]))
    print("this run equals the committed one")


if __name__ == "__main__":
    main()
