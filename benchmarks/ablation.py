"""Measure what each part of the starter's recipe contributes.

    python benchmarks/ablation.py .scratch/experiments/starter [--seeds 0 1] [--rows ROW ...]

The folder is that of `deepfake experiment starter --stage split`. Each row trains with one change, on
a part of the originals, and is compared on val, whose people are not in train. Test is reserved for
the chosen recipe. Columns:

    video       ROC-AUC on swapped faces of DFDC
    photo       on self-blended fakes of photos of unseen people
    synthetic   on generated faces and photos
    tints       mean loss of the first under five tints
    degraded    and under compression, reduction, blur and noise (level 3 of each)
    extreme     share of the tinted crops with a logit beyond 6.9, a score beyond .999

Differences are from the first row, means over the seeds, with a paired 95 % interval over groups of val.
An interrupted row is resumed, and a finished one is not repeated.
"""

from __future__ import annotations

import argparse
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from bench import markdown_table
from conditions import COLOURS, QUALITIES, Condition, changed_crops

from deepfake.core.image import decode_image
from deepfake.core.labels import Floats, Labels
from deepfake.evaluation.intervals import paired_differences
from deepfake.evaluation.metrics import Statistics, rank_statistics
from deepfake.model.inputs import stored_images
from deepfake.model.logits import predict_logits
from deepfake.model.network import LOGIT_BOUND, build_model
from deepfake.params.loading import load_params
from deepfake.training.crop_set import read_crop_set
from deepfake.training.loop import train
from deepfake.training.validation import val_domains

# Half of dlib's ResNet-34, at the last commit that had it.
FORMER_START = "pretrained/resnet18_imagenet_cc0.safetensors"
FORMER_COMMIT = "8974ab7^"
Settings = dict[str, Any]  # values of the section train of params.yaml
ROWS: dict[str, Settings] = {
    "recipe": {},
    "head linear": {"head": "linear"},
    "no colour": {"colour": 0.0},
    "colour .6": {"colour": 0.6},
    "noise .2": {"noise": 0.2},
    "no quality chain": {"resampling": 0.0, "recompression": 0.0},
    "augmentation strong": {"augmentation": "strong"},
    "image size 160": {"image_size": 160},
    "image size 192": {"image_size": 192},
    "learning rate .001": {"learning_rate": 0.001},
    "learning rate .001, head linear": {"learning_rate": 0.001, "head": "linear"},
    "learning rate .001, region .7": {"learning_rate": 0.001, "region": 0.7},
    "region .7": {"region": 0.7},
    "batches of 32": {"batch_size": 32},
    "random pairs": {"pairs": 0.0},
    "no averaging": {"ema": 0.0},
    "former start": {"init": FORMER_START},
    "random start": {"init": "random"},
}
DEGRADED_CROPS = 600  # of val, evenly spaced
MAX_GROUPS = 1000


class Ablation:
    """The crops of a run, and the rows that are trained on them.

    Args:
        share: of the originals.
        image_size: in pixels, of the rows that do not change it.
        epochs: of each row.
    """

    def __init__(self, share: float, image_size: int, epochs: int) -> None:
        self.params = load_params()
        update = {"epochs": epochs, "share": share, "image_size": image_size}
        train_params = self.params.train.model_copy(update=update)
        self.train_params = train_params
        margin = self.params.crops.margin
        self.train_set = read_crop_set("train", margin, main_track_only=True, share=share, seed=0)
        self.val_set = read_crop_set("val", margin, main_track_only=False)
        self.domains = val_domains(self.val_set, train_params)
        self.val_images = stored_images(self.val_set.folder, self.val_set.table)
        videos = next(domain for domain in self.domains if domain.name == "video").rows
        assert videos is not None
        spaced = np.linspace(0, len(videos) - 1, min(DEGRADED_CROPS, len(videos))).astype(int)
        self.sample = videos[spaced]
        self.folder = Path(".scratch/ablation")

    def row(self, name: str, seed: int) -> dict[str, Floats]:
        """Logits of val, of each domain and of the changed crops, of one row."""
        file = self.folder / f"{name.replace(' ', '_')}-{seed}.npz"
        if file.is_file():
            return dict(np.load(file))
        params = self.train_params.model_copy(update={**ROWS[name], "seed": seed})
        result = train(
            self.train_set, self.val_set, params, self.params.score, self.folder / "states", 1
        )
        network = build_model("random", params.head)
        network.load_state_dict(result.weights)
        network = network.to(memory_format=torch.channels_last)
        found = {"all": result.val_logits, "loss": result.history["train_loss"].to_numpy(float)}
        table = self.val_set.table.iloc[self.sample]
        sample = [self.val_images[row] for row in self.sample]
        crops, names = (
            [decode_image(data) for data in sample],
            table["video_id"] + "/" + table["image"],
        )
        changed = {
            key_of(condition): changed_crops(crops, [*names], condition)
            for condition in (*COLOURS, *QUALITIES)
        }
        changed |= {domain.name: [*domain.images] for domain in self.domains if domain.images}
        with torch.autocast("cpu", torch.bfloat16):
            for key, images in changed.items():
                found[key] = predict_logits(network, images, params.image_size)
        found["auc"] = result.history["val_domain_roc_auc"].to_numpy(float)
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part.npz")
        np.savez(part, allow_pickle=False, **found)
        part.replace(file)
        return found

    def statistics(self, rows: Sequence[dict[str, Floats]]) -> dict[str, tuple[Statistics, Any]]:
        """Mean over the seeds of each column, as a function of weights, with its crops' labels and groups."""
        table = self.val_set.table
        labels, groups = (table[key].to_numpy(np.int64) for key in ("label", "group"))
        found = {}
        for domain in self.domains:
            if domain.rows is None:
                twice = np.repeat(groups[table["video_id"].isin(domain.table["video_id"])], 2)
                crops = (domain.table["label"].to_numpy(np.int64), twice)
                logits = [row[domain.name] for row in rows]
            else:
                crops = (labels[domain.rows], groups[domain.rows])
                logits = [row["all"][domain.rows] for row in rows]
            found[domain.name] = (mean_statistics(crops[0], [[one] for one in logits]), crops)
        crops = (labels[self.sample], groups[self.sample])
        base = [row["all"][self.sample] for row in rows]
        for column, conditions in (("tints", COLOURS), ("degraded", QUALITIES)):
            values = [[row[key_of(condition)] for condition in conditions] for row in rows]
            changed = mean_statistics(crops[0], values)
            plain = mean_statistics(crops[0], [[one] for one in base])
            found[column] = (minus(changed, plain), crops)
        return found


def key_of(condition: Condition) -> str:
    """The name of a condition in the stored results."""
    return " ".join(map(str, condition))


def mean_statistics(labels: Labels, logits: Sequence[Sequence[Floats]]) -> Statistics:
    """ROC-AUC as a function of weights, mean over seeds and conditions."""
    parts = [rank_statistics(labels, one) for seed in logits for one in seed]
    return lambda weights: {
        "roc_auc": np.mean([part(weights)["roc_auc"] for part in parts], axis=0)
    }


def minus(first: Statistics, second: Statistics) -> Statistics:
    """The difference of two statistics."""
    return lambda weights: {"roc_auc": first(weights)["roc_auc"] - second(weights)["roc_auc"]}


def extreme_share(rows: Sequence[dict[str, Floats]]) -> float:
    """Share of the tinted crops whose score is beyond .001 or .999."""
    logits = np.concatenate([row[key_of(tint)] for row in rows for tint in COLOURS])
    return float((np.abs(logits) > LOGIT_BOUND + 0.01).mean())


def table(ablation: Ablation, results: dict[str, list[dict[str, Floats]]]) -> str:
    """All rows and their differences from the first, as Markdown."""
    names = list(results)
    base = ablation.statistics(results[names[0]])
    lines = []
    for name in names:
        cells = [name]
        for column, (statistics, (labels, groups)) in ablation.statistics(results[name]).items():
            value = float(statistics(np.ones((1, len(labels))))["roc_auc"][0])
            cell = f"{value:.3f}"
            if name != names[0]:
                change = paired_differences(
                    base[column][0], statistics, labels, groups, MAX_GROUPS
                )["roc_auc"]
                cell += f" ({change.low:+.3f} to {change.high:+.3f})"
            cells.append(cell)
        loss = np.mean([row["loss"][-1] for row in results[name]])
        lines.append([*cells, f"{extreme_share(results[name]):.0%}", f"{loss:.2f}"])
    columns = ["row", *base, "extreme", "loss on train"]
    return markdown_table(columns, lines)


def main() -> int:
    """Train the rows, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path, help="folder of the run")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS), metavar="ROW")
    parser.add_argument("--share", type=float, default=0.4, help="of the originals (default: 0.4)")
    parser.add_argument("--image-size", type=int, default=128, help="in pixels (default: 128)")
    parser.add_argument("--epochs", type=int, default=4, help="of each row (default: 4)")
    args = parser.parse_args()
    former = subprocess.run(
        ["git", "show", f"{FORMER_COMMIT}:models/{FORMER_START}"], check=True, capture_output=True
    )
    os.chdir(args.run)
    Path("models", FORMER_START).write_bytes(former.stdout)
    ablation = Ablation(args.share, args.image_size, args.epochs)
    results = {name: [ablation.row(name, seed) for seed in args.seeds] for name in args.rows}
    print(table(ablation, results))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
