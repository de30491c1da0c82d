"""`make push`: outputs and run cache to the default remote, so that a colleague can reuse a run.

An upload that broke can leave a truncated object under its final name, over WebDAV for one, and
`dvc push` takes it for complete. So objects of another size than in the cache are replaced first.

`dvc push --run-cache` leaves out what a stage declares with `cache: false`: metrics and plots. Without
them, DVC restores no such stage from the run cache, and a colleague trains again.
"""

import sys
from pathlib import Path
from typing import Any

import yaml

from deepfake.base.errors import DvcRemoteError
from deepfake.sharing.access import AGAIN, check_access, default_remote, protocol_of, reported


def push() -> list[str]:
    """Push outputs, run cache, and the metrics and plots of the runs in it.

    Returns:
        Names of the objects of metrics and plots that were pushed.

    Raises:
        DvcRemoteError: no remote is configured, it cannot be reached or written, credentials are missing
            or wrong, or the transfer broke.
    """
    from dvc.cli import main
    from dvc.repo import Repo

    with Repo() as repo:
        name = default_remote(repo)
        check_access(repo, name)
        replace_truncated(repo, name)
    code = main(["push", "--run-cache"])
    with Repo() as repo:
        if code != 0:
            check_access(repo, name)
            raise DvcRemoteError(f"{name}: not everything was pushed; {AGAIN}")
        done = repo.cloud.push(_outputs_of_runs(repo), remote=name)
        if done.failed:
            raise DvcRemoteError(f"{name}: {len(done.failed)} objects were not pushed; {AGAIN}")
        return sorted(info.value for info in done.transferred)


def replace_truncated(repo: Any, name: str) -> list[str]:
    """Push objects again whose size in a remote is not that in the cache.

    Args:
        repo: a `dvc.repo.Repo`.
        name: of the remote.

    Returns:
        Their names.
    """
    odb, cache = repo.cloud.get_remote(name).odb, repo.cache.local
    if protocol_of(repo, name) == "http" or not odb.fs.exists(odb.path):
        return []  # over HTTP, nothing can be listed or deleted
    truncated = []
    for path, size in sorted(_sizes(odb)):
        try:
            oid = odb.path_to_oid(path)
        except ValueError:  # a temporary file
            continue
        if cache.exists(oid) and cache.fs.size(cache.oid_to_path(oid)) != size:
            truncated.append(oid)
            odb.fs.remove(odb.oid_to_path(oid))
            odb.add(cache.oid_to_path(oid), cache.fs, oid, verify=False)
    return truncated


def _sizes(odb: Any) -> list[tuple[str, int]]:
    """Path and size of each file in a cache or remote."""
    if odb.fs.protocol == "local":  # which does not list sizes
        return [(path, odb.fs.size(path)) for path in odb.fs.find(odb.path)]
    return [(path, info["size"]) for path, info in odb.fs.fs.find(odb.path, detail=True).items()]


def _outputs_of_runs(repo: Any) -> set[Any]:
    """Objects of all runs in the run cache, as far as the cache still has them."""
    from dvc_data.hashfile.hash_info import HashInfo

    cache, runs = repo.cache.local, Path(repo.stage_cache.cache_dir)
    files = (path for path in sorted(runs.rglob("*")) if path.is_file())
    entries = (yaml.safe_load(path.read_text(encoding="utf-8")) for path in files)
    found = {out["md5"] for entry in entries for out in entry.get("outs", []) if "md5" in out}
    return {HashInfo("md5", value) for value in sorted(found) if cache.exists(value)}


if __name__ == "__main__":
    sys.exit(1 if reported(push) is None else 0)
