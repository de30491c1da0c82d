"""What differs between two revisions: params, recorded metrics, videos, and stages with their code."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from deepfake.core.labels import LABEL_NAMES, SPLITS
from deepfake.review.lock import changed_stages
from deepfake.review.revisions import Revision, changed_files

MANIFEST = "data/manifest.csv"
IN_NO_SPLIT = "none"


@dataclass(frozen=True)
class ValueChange:
    """A param or a metric.

    Attributes:
        name: its path in the file, such as train.epochs.
        file: that it is in.
        old, new: None where a revision does not have it.
    """

    name: str
    file: str
    old: Any
    new: Any


@dataclass(frozen=True)
class StageChange:
    """A stage of either revision.

    Attributes:
        name: its address.
        code: files of its deps in git that differ.
        state: what dvc.lock says about it: "new", "removed", "rerun" or "" if it is unchanged.
        outs: its outputs whose content differs.
        would_run: whether it differs from dvc.lock in the second revision.
    """

    name: str
    code: list[str]
    state: str
    outs: list[str]
    would_run: bool


@dataclass(frozen=True)
class DataChanges:
    """Videos of the manifests and splits.

    Attributes:
        counts: rows with change, dataset, method, label and videos, the number of them.
        relabelled: names of the videos with another label.
        old, new: number of videos.
    """

    counts: pd.DataFrame
    relabelled: list[str]
    old: int
    new: int


def param_changes(base: Revision, head: Revision) -> list[ValueChange]:
    """Values of params.yaml that differ, as in `dvc params diff`."""
    return _values("params", base, head, with_unchanged=False)


def metric_changes(base: Revision, head: Revision) -> list[ValueChange]:
    """The metrics that DVC has of both revisions, also those that are equal."""
    return _values("metrics", base, head, with_unchanged=True)


def _values(kind: str, base: Revision, head: Revision, with_unchanged: bool) -> list[ValueChange]:
    """Values of `repo.params.diff` or `repo.metrics.diff`; errors go to `Revision.missing`."""
    repo = head.repo if head.commit is None else base.repo
    shown = getattr(repo, kind).diff(a_rev=base.dvc_name, b_rev=head.dvc_name, all=with_unchanged)
    for side in (base, head):
        errors = shown.get("errors", {}).get(side.dvc_name, {})
        for file, error in (errors if isinstance(errors, dict) else {kind: errors}).items():
            side.missing.append(f"{side.title}: {kind} of {file} could not be read ({error})")
    return [
        ValueChange(name, file, value.get("old"), value.get("new"))
        for file, values in sorted(shown.get("diff", {}).items())
        for name, value in sorted(values.items())
    ]


def data_changes(base: Revision, head: Revision) -> DataChanges | None:
    """How the videos differ; None if a manifest could not be read."""
    old, new = (_videos(side) for side in (base, head))
    if old is None or new is None:
        return None
    both = old.merge(new, on="video_id", suffixes=("_old", "_new"))
    is_relabelled = both["label_old"] != both["label_new"]
    parts = {
        "added": new[~new["video_id"].isin(old["video_id"])],
        "removed": old[~old["video_id"].isin(new["video_id"])],
        "relabelled": _newer(both[is_relabelled]),
        "other content": _newer(both[both["content_old"] != both["content_new"]]),
    }
    if "split" in old and "split" in new:
        moved = both[both["split_old"] != both["split_new"]]
        for (before, after), rows in moved.groupby(["split_old", "split_new"]):
            parts[f"moved from {before} to {after}"] = _newer(rows)
    relabelled = sorted(both.loc[is_relabelled, "video_id"])
    return DataChanges(_count(parts), relabelled, len(old), len(new))


def _videos(side: Revision) -> pd.DataFrame | None:
    """The manifest, with the split of each video if the splits can be read."""
    manifest = side.table(MANIFEST, ["video_id", "label", "dataset", "method", "sha256"])
    if manifest is None:
        return None
    # Remote videos have a version in place of the digest.
    version = manifest.get("version", "")
    manifest = manifest.assign(content=manifest["sha256"] + version)
    tables = {name: side.table(f"data/splits/{name}.csv", ["video_id"]) for name in SPLITS}
    if any(table is None for table in tables.values()):
        return manifest
    places = {
        video_id: name
        for name, table in tables.items()
        if table is not None
        for video_id in table["video_id"]
    }
    return manifest.assign(split=manifest["video_id"].map(places).fillna(IN_NO_SPLIT))


def _newer(both: pd.DataFrame) -> pd.DataFrame:
    """The values of the second revision."""
    return both.rename(columns={f"{name}_new": name for name in ("dataset", "method", "label")})


def _count(parts: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    keys = ["dataset", "method", "label"]
    counts = [
        rows.groupby(keys).size().reset_index(name="videos").assign(change=change)
        for change, rows in parts.items()
        if len(rows)
    ]
    columns = ["change", *keys, "videos"]
    if not counts:
        return pd.DataFrame(columns=columns)
    table = pd.concat(counts, ignore_index=True)[columns]
    return table.assign(label=table["label"].map(LABEL_NAMES))


def stage_changes(base: Revision, head: Revision) -> list[StageChange]:
    """Every stage of both revisions, in the order of the pipeline."""
    old, new = base.lock(), head.lock()
    files = changed_files(base, head)
    would_run = {*_would_run(head)}
    deps = {stage.name: _paths(stage.deps) for stage in _stages(head)}
    made = {path for stage in _stages(head) for path in _paths(stage.outs)}
    code = [file for file in files if not _is_in(file, made)]
    names = [*deps, *(name for name in old if name not in deps)]
    return [
        StageChange(
            name=name,
            code=[file for file in code if _is_in(file, deps.get(name, ()))],
            state=_state(old.get(name), new.get(name)),
            outs=[*_changed_outs(old.get(name, {}), new.get(name, {}))],
            would_run=name in would_run,
        )
        for name in names
    ]


def _would_run(head: Revision) -> list[str]:
    if head.commit is not None:
        return changed_stages(head.repo)
    with head.repo.lock:
        return changed_stages(head.repo)


def _stages(side: Revision) -> list[Any]:
    """The stages of the pipeline, without those of other dvc.yaml files."""
    return [one for one in side.repo.index.stages if one.path_in_repo == "dvc.yaml"]


def _paths(outputs: Sequence[Any]) -> set[str]:
    """Paths of deps or outs; params have a section of their own."""
    from dvc.dependency.param import ParamsDependency

    return {str(one.def_path) for one in outputs if not isinstance(one, ParamsDependency)}


def _is_in(file: str, paths: Sequence[str] | set[str]) -> bool:
    return any(file == path or file.startswith(f"{path}/") for path in paths)


def _state(old: Any, new: Any) -> str:
    if old == new:
        return ""
    return "new" if old is None else "removed" if new is None else "rerun"


def _changed_outs(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    before = {out["path"]: out.get("md5") for out in old.get("outs", ())}
    for out in new.get("outs", ()):
        if before.get(out["path"]) != out.get("md5"):
            yield out["path"]
