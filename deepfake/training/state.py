"""The resumable state of a training run: where it is stored, and how a run continues from it."""

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch

from deepfake.core.files import write_bytes
from deepfake.params.schema import ScoreParams, TrainParams
from deepfake.training.crop_set import CropSet

STATE_FILE = "state.pt"
# Parameters that may be others when a run is resumed.
SPEED_ONLY = {"processes"}
STATEFUL = (
    "network",
    "average",
    "optimizer",
    "schedule",
    "precision",
)  # attributes of a run that are stored


def state_path(
    folder: Path,
    crop_sets: Sequence[CropSet],
    params: tuple[TrainParams, ScoreParams],
    code: str,
    weights: str,
) -> Path:
    """The file of a run's state, named after everything that decides the result of the run.

    So a run never resumes from the state of another one.

    Args:
        folder: for the states of all runs.
        crop_sets: the crops that the run reads.
        params: the sections of params.yaml that it reads.
        code: version of the code, as `base.code.code_version` returns it.
        weights: digest of the initial weights.
    """
    digest = hashlib.sha256()
    for crops in crop_sets:
        digest.update(crops.table.to_csv(index=False).encode())
        digest.update(crops.version.encode())
    for section in params:
        digest.update(section.model_dump_json(exclude=SPEED_ONLY).encode())
    digest.update(code.encode())
    digest.update(weights.encode())
    return folder / digest.hexdigest()[:32] / STATE_FILE


def save_state(path: Path, run: Any, progress: dict[str, Any]) -> None:
    """Store the state of a run after an epoch.

    Args:
        path: as `state_path` returns it.
        run: has the attributes `STATEFUL`.
        progress: history, best epoch and its weights.
    """
    buffer = io.BytesIO()
    state = {name: getattr(run, name).state_dict() for name in STATEFUL}
    torch.save({**state, **progress}, buffer)
    write_bytes(path, buffer.getvalue())


def load_state(path: Path, run: Any) -> dict[str, Any]:
    """Restore a run from its stored state.

    Returns:
        The progress that was stored; an empty history, and `run` unchanged, without a stored state.
    """
    # The first process reads it for all, which may be on machines without this file.
    content = run.processes.from_first(path.read_bytes() if path.is_file() else b"")
    if not content:
        return {"history": []}
    state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    for name in STATEFUL:
        getattr(run, name).load_state_dict(state.pop(name))
    if run.processes.rank == 0:
        print(f"resuming after epoch {len(state['history'])}", flush=True)
    return cast(dict[str, Any], state)
