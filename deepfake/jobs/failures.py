"""Videos that failed: told, counted, and too many of them stop the stage."""

from collections import Counter
from collections.abc import Collection

import pandas as pd

from deepfake.base.errors import TooManyFailuresError

MAX_LISTED = 20  # failures shown by name; the others are counted


def report_failures(
    failed: pd.DataFrame,
    usable: Collection[str],
    videos: int,
    key: str,
    allowed: float,
    table: str,
) -> None:
    """Say which videos failed and why.

    Args:
        failed: their rows, with video_id, status and reason.
        usable: statuses that are told but do not count, since something could be used.
        videos: how many there are in all.
        key: name of the parameter that allows failures.
        allowed: its value, a fraction of all videos.
        table: file in which all of them stand.

    Raises:
        TooManyFailuresError: when more than that have failed.
    """
    if failed.empty:
        return
    counts = ", ".join(f"{n} {status}" for status, n in sorted(Counter(failed["status"]).items()))
    lines = [f"  {row.video_id}: {row.status}, {row.reason}" for row in failed.itertuples()]
    shown = lines[:MAX_LISTED] + [f"  ... all of them stand in {table}"] * (len(lines) > MAX_LISTED)
    message = "\n".join([f"{len(lines)} of {videos} videos have problems ({counts}):", *shown])
    lost = int((~failed["status"].isin(list(usable))).sum())
    if lost > allowed * videos:
        raise TooManyFailuresError(
            f"{message}\n{lost} of {videos} cannot be used, more than {key} = {allowed} allows:"
            f" mend or remove them, or allow more; see {table}"
        )
    print(message, flush=True)
