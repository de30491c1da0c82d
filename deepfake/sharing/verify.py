"""Objects of DVC's cache and remotes hashed again; damaged ones deleted, fetched or pushed again.

DVC trusts an object that is there: a truncated upload, or a bit that changed on a disk, is found
only by reading it.
"""

import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any

from tqdm import tqdm

from deepfake.sharing.access import protocol_of

CHUNK = 1 << 20
THREADS = 8  # objects that are read from one place at a time


class Outcome(Enum):
    """What became of a damaged object."""

    RESTORED = "deleted, and an intact copy put in its place"
    DELETED = "deleted; no intact copy was found"
    KEPT = "not deleted, because it is read-only"


@dataclass(frozen=True)
class Damaged:
    """An object whose bytes are not those of its name.

    Attributes:
        place: "cache", or the name of a remote.
        oid: its name, an MD5, ending in ".dir" for the list of a folder's files.
        path: what it is in the work tree; "" for an object of another revision.
        outcome: what became of it.
    """

    place: str
    oid: str
    path: str
    outcome: Outcome


@dataclass(frozen=True)
class Verified:
    """What was read.

    Attributes:
        checked: how many objects of each place, which is "cache" or the name of a remote.
        damaged: those that were damaged.
    """

    checked: dict[str, int]
    damaged: list[Damaged]


def verify(repo: Any, remotes: Iterable[str]) -> Verified:
    """Hash every object of the cache and, of each remote, every one that the work tree uses.

    A damaged object is deleted, and replaced if another place has an intact copy: one of a remote
    is pushed again from the cache, one of the cache is fetched again. Nothing is deleted where
    nothing can be written, as over HTTP.

    Args:
        repo: a `dvc.repo.Repo`.
        remotes: names of remotes that can be reached.

    Raises:
        Exception: whatever a file system raises when the connection is lost. What was found until
            then is deleted or replaced; run it again.
    """
    cache = repo.cache.local
    places = {"cache": cache, **{name: repo.cloud.get_remote(name).odb for name in remotes}}
    bad = {"cache": _read(cache, list(cache.all()), "cache")}
    checked = {"cache": bad["cache"].checked}
    can_delete = {"cache": _delete(cache, bad["cache"].damaged)}
    for name, odb in [*places.items()][1:]:
        found = _read(odb, _outputs(repo), name)
        lists = [oid for oid in found.intact if oid.endswith(".dir")]
        _copy(odb, cache, lists)  # `_contents` reads them
        more = _read(odb, [oid for oid in _contents(repo) if oid not in found.seen], name)
        bad[name] = found | more
        checked[name] = bad[name].checked
        is_read_only = protocol_of(repo, name) == "http"
        can_delete[name] = not is_read_only and _delete(odb, bad[name].damaged)
        if bad[name].damaged and can_delete[name]:
            forget_pushed(odb)
    names = _contents(repo)
    damaged = []
    for place, odb in places.items():
        for oid in sorted(bad[place].damaged):
            outcome = Outcome.KEPT
            if can_delete[place]:
                others = [other for name, other in places.items() if oid not in bad[name].damaged]
                is_back = any(_copy(other, odb, {oid}) for other in others)
                outcome = Outcome.RESTORED if is_back else Outcome.DELETED
            damaged.append(Damaged(place, oid, names.get(oid, ""), outcome))
    return Verified(checked, damaged)


@dataclass(frozen=True)
class _Read:
    """Objects that were read: intact and damaged ones; those that are absent are in neither."""

    intact: frozenset[str]
    damaged: frozenset[str]

    @property
    def seen(self) -> frozenset[str]:
        return self.intact | self.damaged

    @property
    def checked(self) -> int:
        return len(self.seen)

    def __or__(self, other: "_Read") -> "_Read":
        return _Read(self.intact | other.intact, self.damaged | other.damaged)


def _read(odb: Any, oids: list[str], place: str) -> _Read:
    """Read objects, with a bar."""
    with ThreadPoolExecutor(THREADS) as pool:
        states = list(
            tqdm(
                pool.map(partial(_is_intact, odb), oids),
                desc=f"Verifying {place}",
                total=len(oids),
                unit="object",
                leave=False,
                disable=None,
            )
        )
    found = [*zip(oids, states, strict=True)]
    intact = frozenset(oid for oid, state in found if state)
    return _Read(intact, frozenset(oid for oid, state in found if state is False))


def _is_intact(odb: Any, oid: str) -> bool | None:
    """Whether its bytes have its name; None if it is absent."""
    digest = hashlib.md5(usedforsecurity=False)
    try:
        with odb.fs.open(odb.oid_to_path(oid), "rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
    except FileNotFoundError:
        return None
    return digest.hexdigest() == oid.removesuffix(".dir")


def _delete(odb: Any, oids: Iterable[str]) -> bool:
    """Delete objects; False if that is forbidden."""
    from deepfake.sharing.access import is_refusal

    try:
        for oid in oids:
            odb.fs.remove(odb.oid_to_path(oid))
    except Exception as error:  # each file system raises its own exceptions
        if is_refusal(error):
            return False
        raise
    return True


def _copy(source: Any, target: Any, oids: Iterable[str]) -> bool:
    """Copy intact objects that the target lacks; whether the target has all of them."""
    for oid in oids:
        if not target.exists(oid) and _is_intact(source, oid):
            target.add(source.oid_to_path(oid), source.fs, oid, verify=False)
    return all(target.exists(oid) for oid in oids)


def _outputs(repo: Any) -> list[str]:
    """Objects of the outputs; those of folders are lists of files."""
    outs = (out for out in repo.index.outs if out.use_cache and out.hash_info)
    return sorted({out.hash_info.value for out in outs})


def _contents(repo: Any) -> dict[str, str]:
    """Objects of the outputs and of what is in their folders, with their paths."""
    names: dict[str, str] = {}
    for out in repo.index.outs:
        if not out.use_cache or not out.hash_info:
            continue
        names[out.hash_info.value] = str(out)
        if out.hash_info.isdir and repo.cache.local.exists(out.hash_info.value):
            for key, _, info in out.get_obj():
                names[info.value] = "/".join([str(out), *key])
    return names


def forget_pushed(odb: Any) -> None:
    """Let `dvc push` ask the remote again, instead of the list of what it pushed."""
    from dvc_data.hashfile.db import get_index

    with closing(get_index(odb)) as index:
        index.clear()
