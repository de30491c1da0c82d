"""The part of `deepfake doctor` about DVC: cache, remotes, dvc.lock, and whether objects are intact."""

from collections.abc import Iterator
from typing import Any

from deepfake.base.text import first_names
from deepfake.cli.checks import MAX_NAMES, Check, State
from deepfake.review.lock import changed_stages
from deepfake.sharing.access import HOW_TO_ADD, Access, ask
from deepfake.sharing.verify import Outcome, verify

# What to do about a damaged object, by what became of it and whether it was in the cache.
REMEDIES = {
    (Outcome.RESTORED, True): "run `dvc checkout --force`, which replaces damaged outputs too",
    (Outcome.RESTORED, False): "nothing is to be done",
    (Outcome.DELETED, True): "run `dvc pull`, or `dvc repro`, which makes it again",
    (Outcome.DELETED, False): "run `dvc push` where an intact copy is",
    (Outcome.KEPT, True): "run this as the owner of the cache",
    (Outcome.KEPT, False): "tell who may write there to run `deepfake doctor --verify`",
}


def check_dvc(name: str) -> Iterator[Check]:
    """Cache and links, remotes, and which stages would run."""
    from dvc.exceptions import DvcException, NotDvcRepoError
    from dvc.repo import Repo

    try:
        repo = Repo(".")
    except NotDvcRepoError:
        remedy = "run this in a clone of the repository, at its top"
        yield Check(name, State.FAILED, "this folder is no DVC repository", remedy)
        return
    except DvcException as error:
        remedy = "fix .dvc/config, or run `git checkout -- .dvc dvc.yaml`"
        yield Check(name, State.FAILED, str(error), remedy)
        return
    with repo:
        yield from check_cache(repo)
        yield from check_remotes(repo)
        yield from check_lock(repo)


def check_cache(repo: Any) -> Iterator[Check]:
    """How outputs get from DVC's cache to their places."""
    from dvc_objects.fs import generic

    cache = repo.cache.local
    links = [kind for kind in cache.cache_types if kind != "copy"]
    found = generic.test_links(links, cache.fs, cache.path, repo.fs, repo.root_dir)
    if found:
        yield Check("DVC cache", State.OK, f"{cache.path}, by {found[0]}")
        return
    detail = f"{cache.path}, by copy: outputs need twice the space"
    remedy = "put the cache on the disk of the repository (`dvc cache dir`), or accept it"
    yield Check("DVC cache", State.WARNING, detail, remedy)


def check_remotes(repo: Any) -> Iterator[Check]:
    """Whether each remote answers, and what to set if it refuses to."""
    names = list(repo.config["remote"])
    if not names:
        yield Check("DVC remotes", State.OK, f"none; {HOW_TO_ADD}")
    for name in names:
        answer = ask(repo, name)
        if answer.access is Access.GRANTED:
            yield Check("DVC remotes", State.OK, f"{name} {answer.access.value}")
        else:
            yield Check("DVC remotes", State.WARNING, f"{name}: {answer}", answer.remedy)


def check_objects(name: str) -> Iterator[Check]:
    """Whether each object of the cache and of each remote that answers is intact."""
    from dvc.lock import LockError
    from dvc.repo import Repo

    with Repo(".") as repo:
        remotes = [r for r in repo.config["remote"] if ask(repo, r).access is Access.GRANTED]
        try:
            with repo.lock:
                found = verify(repo, remotes)
        except LockError:
            yield _busy(name)
            return
    for one in found.damaged:
        detail = f"{one.path or 'of another revision'}, {one.oid} in {one.place}, was damaged"
        state = State.WARNING if one.outcome is Outcome.RESTORED else State.FAILED
        remedy = REMEDIES[one.outcome, one.place == "cache"]
        yield Check(name, state, f"{detail}; {one.outcome.value}", remedy)
    if not found.damaged:
        counts = ", ".join(f"{count} in {place}" for place, count in found.checked.items())
        yield Check(name, State.OK, f"all intact: {counts}")


def check_lock(repo: Any) -> Iterator[Check]:
    """Which stages differ from dvc.lock. Outputs that are only absent count as unchanged."""
    from dvc.exceptions import DvcException
    from dvc.lock import LockError

    try:
        with repo.lock:
            changed = changed_stages(repo)
    except LockError:
        yield _busy("dvc.lock")
        return
    except DvcException as error:
        remedy = "run `git checkout -- dvc.yaml dvc.lock`, or fix params.yaml"
        yield Check("dvc.lock", State.FAILED, str(error).splitlines()[0], remedy)
        return
    if changed:
        stages, names = len(repo.index.stages), first_names(changed, MAX_NAMES)
        detail = f"{len(changed)} of {stages} stages would run ({names})"
        yield Check("dvc.lock", State.WARNING, detail, "run `dvc repro`")
    else:
        yield Check("dvc.lock", State.OK, "current; no stage would run")


def _busy(name: str) -> Check:
    remedy = "wait for it; if there is none, delete .dvc/tmp/rwlock"
    return Check(name, State.WARNING, "another DVC process is at work", remedy)
