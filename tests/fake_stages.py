"""The stages of a repository to review: they write the files of the real ones, from no video.

`python fake_stages.py STAGE` runs one, in the current folder. Needs the standard library only.
"""

import csv
import json
import math
import random
import shutil
import sys
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def read_params() -> Row:
    """params.yaml, which is written as JSON."""
    params: Row = json.loads(Path("params.yaml").read_text())
    return params


def write_table(path: str, rows: list[Row]) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with Path(path).open("w", newline="") as file:
        separator = "\t" if path.endswith(".tsv") else ","
        writer = csv.DictWriter(file, rows[0], delimiter=separator, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write_json(path: str, content: Row) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(json.dumps(content, indent=2) + "\n")


def read_table(path: str) -> list[Row]:
    with Path(path).open(newline="") as file:
        return [dict(row) for row in csv.DictReader(file)]


def manifest() -> None:
    """Of each person REAL and FAKE videos; every second person is in test."""
    data = read_params()["data"]
    rows: list[Row] = []
    for person in range(data["people"]):
        for number in range(data["videos"]):
            label = number % 2
            video_id = f"faces/{'swap' if label else 'real'}/p{person:02}_{number}"
            is_other = video_id in data["relabelled"]
            rows.append(
                {
                    "video_id": video_id,
                    "label": 1 - label if is_other else label,
                    "dataset": "faces",
                    "method": "swap" if label else "real",
                    "sha256": f"{person:032}{number:032}",
                    "group": person,
                }
            )
    rows = [row for row in rows if row["video_id"] not in data["removed"]]
    write_table(
        "data/manifest.csv", [{k: v for k, v in row.items() if k != "group"} for row in rows]
    )
    for name, places in (("train", (0, 2)), ("val", (4,)), ("test", (1, 3, 5))):
        write_table(f"data/splits/{name}.csv", [row for row in rows if row["group"] % 6 in places])
    write_json("metrics/split.json", {"leaks": data["leaks"]})


def crops() -> None:
    for row in read_table("data/manifest.csv"):
        path = Path("data/crops", f"{row['video_id']}.tar")
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy("face.tar", path)


def train() -> None:
    noise = read_params()["train"]["noise"]
    epochs = [
        {
            "epoch": epoch,
            "train_loss": round(1 / epoch, 4),
            "val_loss": round(noise / epoch, 4),
            "val_video_roc_auc": round(1 - noise / (4 * epoch), 4),
        }
        for epoch in range(1, 6)
    ]
    write_table("plots/train/history.tsv", epochs)
    write_json("models/model.json", {"threshold": 0.5, "noise": noise})


def score(row: Row, noise: float) -> float:
    """The same video has the same difficulty in every revision."""
    chance = random.Random(row["video_id"])
    logit = 2 * int(row["label"]) - 1 + chance.gauss(0, 0.6) + noise * chance.gauss(0, 1)
    return 1 / (1 + math.exp(-logit))


def evaluate() -> None:
    noise = json.loads(Path("models/model.json").read_text())["noise"]
    for name in ("val", "test"):
        scored = []
        for row in read_table(f"data/splits/{name}.csv"):
            value = score(row, noise)
            has_face = row["video_id"] not in read_params()["data"]["faceless"]
            verdict = "FAKE" if value >= 0.5 else "REAL"
            scored.append(
                {
                    **{
                        key: row[key] for key in ("video_id", "label", "method", "dataset", "group")
                    },
                    "score": f"{value:.6g}" if has_face else "",
                    "verdict": verdict if has_face else "UNDECIDED",
                    "reason": "" if has_face else "no face was found",
                    "frames": 6,
                }
            )
        write_table(f"data/predictions/{name}.csv", scored)
        write_table(f"plots/scores/{name}.tsv", scored)
    curve = [step / 20 for step in range(21)]
    power = 1 / (1 + 3 / noise)
    write_table(
        "plots/evaluate/roc.tsv", [{"fpr": x, "tpr": x**power, "threshold": 1 - x} for x in curve]
    )
    write_table(
        "plots/evaluate/pr.tsv", [{"recall": x, "precision": 1 - x * noise / 6} for x in curve]
    )
    write_table(
        "plots/evaluate/reliability.tsv",
        [{"score": x, "fake_share": x ** (1 + noise / 3), "videos": 9} for x in curve[1::2]],
    )
    write_table(
        "plots/robustness.tsv",
        [
            {"degradation": kind, "level": level, "roc_auc": round(0.9 - slope * noise * level, 4)}
            for kind, slope in (("blur", 0.02), ("jpeg", 0.05), ("noise", 0.03))
            for level in range(4)
        ],
    )
    decided = [row for row in scored if row["score"]]
    metrics = {
        "roc_auc": round(1 - noise / 10, 4),
        "coverage": round(len(decided) / len(scored), 4),
    }
    write_json(
        "metrics/evaluate.json",
        {"val": {"roc_auc": 0.9}, "test": {**metrics, "videos": len(decided)}},
    )
    write_json("metrics/robustness.json", {"roc_auc_drop": round(noise / 20, 4)})
    write_json("metrics/shortcuts.json", {"worst_roc_auc": 0.55})


if __name__ == "__main__":
    {"manifest": manifest, "crops": crops, "train": train, "evaluate": evaluate}[sys.argv[1]]()
