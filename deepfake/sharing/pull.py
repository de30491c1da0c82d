"""`make pull`: what the default remote has of the current commit, and what to do if that fails.

`python -m deepfake.sharing.pull [OUTPUT ...]` pulls some outputs only. A public remote may have a part
of them, such as the model and its predictions, so an absent output is reported and is no error
unless it is named.
"""

import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

from deepfake.base.errors import DvcRemoteError, format_list
from deepfake.base.text import printable
from deepfake.sharing.access import AGAIN, check_access, default_remote, reported

DAMAGED = (
    "damaged in the remote; `deepfake doctor --verify` pushes it again where an intact copy is"
)


def pull(targets: Sequence[str]) -> list[str]:
    """Pull outputs from the default remote.

    Args:
        targets: paths of outputs, or names of stages; all outputs if there are none.

    Returns:
        A line for each output that is not complete afterwards.

    Raises:
        DvcRemoteError: no remote is configured, it cannot be reached, credentials are missing or wrong,
            the transfer broke, or none of the outputs is there.
    """
    from dvc.cli import main
    from dvc.repo import Repo

    with Repo() as repo:
        name = default_remote(repo)
        check_access(repo, name)
    code = main(["pull", "--allow-missing", *targets])
    with Repo() as repo:
        if code != 0:
            check_access(repo, name)
            raise DvcRemoteError(f"{name}: not everything was pulled; {AGAIN}")
        wanted = [out for out in _outputs(repo, targets) if out.use_cache]
        lines = [line for out in wanted if (line := _what_is_missing(repo, name, out))]
    if lines and (targets or len(lines) == len(wanted)):
        raise DvcRemoteError(format_list(f"{name} does not have:", lines))
    return lines


def _outputs(repo: Any, targets: Sequence[str]) -> list[Any]:
    """Outputs of the targets, each once."""
    if not targets:
        return list(repo.index.outs)
    pairs = [pair for target in targets for pair in repo.stage.collect_granular(target)]
    return list(
        dict.fromkeys(
            out
            for stage, path in pairs
            for out in (stage.filter_outs(path) if path else stage.outs)
        )
    )


def _what_is_missing(repo: Any, name: str, out: Any) -> str:
    """Why an output is not complete; "" if it is."""
    if out.exists and not out.status():
        return ""
    remote, cache = repo.cloud.get_remote(name).odb, repo.cache.local
    values = [out.hash_info.value] if out.hash_info else []
    if values and out.hash_info.isdir and cache.exists(values[0]):
        values += [info.value for _, _, info in out.get_obj()]
    absent = [value for value in values if not cache.exists(value)]
    damaged = [value for value in absent if remote.exists(value)]
    if damaged:
        return f"{out}: {len(damaged)} objects, such as {damaged[0]}, are {DAMAGED}"
    if absent or not values:
        return f"{out}"
    return f"{out}: changed here; `dvc checkout --force {out}` puts back what was pulled"


def main(targets: Sequence[str]) -> int:
    """Pull, report in plain lines, and return the exit code."""
    lines = reported(partial(pull, targets))
    if lines:
        print(format_list("not in the remote, so not pulled:", [printable(line) for line in lines]))
    return 1 if lines is None else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
