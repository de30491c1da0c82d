"""Report videos that failed, and stop the stage if they are too many."""

from collections import Counter
from collections.abc import Collection

import pandas as pd

from deepfake.base.errors import TooManyFailuresError

MAX_LISTED = 20  # failures that are shown one by one


def report_failures(
    failed: pd.DataFrame,
    usable: Collection[str],
    videos: int,
    key: str,
    allowed: float,
    table: str,
) -> None:
    """Print which videos failed and why.

    Args:
        failed: their rows, with video_id, status and reason.
        usable: statuses that are reported but do not count as failures, since a part of the video
            can be used.
        videos: number of all videos.
        key: name of the parameter that limits failures.
        allowed: its value, a fraction of all videos.
        table: file that lists all failures.

    Raises:
        TooManyFailuresError: a larger fraction failed than `allowed`.
    """
    if failed.empty:
        return
    counts = ", ".join(f"{n} {status}" for status, n in sorted(Counter(failed["status"]).items()))
    lines = [f"  {row.video_id}: {row.status}, {row.reason}" for row in failed.itertuples()]
    shown = lines[:MAX_LISTED] + [f"  ... see {table} for all of them"] * (len(lines) > MAX_LISTED)
    message = "\n".join([f"{len(lines)} of {videos} videos have problems ({counts}):", *shown])
    lost = int((~failed["status"].isin(list(usable))).sum())
    if lost > allowed * videos:
        raise TooManyFailuresError(
            f"{message}\n{lost} of {videos} videos cannot be used, but {key} allows a fraction of"
            f" {allowed}: fix or remove them (see {table}), or raise {key}"
        )
    print(message, flush=True)
