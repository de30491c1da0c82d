"""Videos that failed: told, counted, and too many of them stop the stage."""

from collections import Counter

import pandas as pd

from deepfake.errors import TooManyFailuresError

MAX_LISTED = 20  # failures shown by name; the others are counted


def report_failures(failed: pd.DataFrame, videos: int, key: str, allowed: float) -> None:
    """Say which videos failed and why.

    Args:
        failed: their rows, with video_id, status and reason.
        videos: how many there are in all.
        key: name of the parameter that allows failures.
        allowed: its value, a fraction of all videos.

    Raises:
        TooManyFailuresError: when more than that have failed.
    """
    if failed.empty:
        return
    counts = ", ".join(f"{n} {status}" for status, n in sorted(Counter(failed["status"]).items()))
    lines = [f"  {row.video_id}: {row.status}, {row.reason}" for row in failed.itertuples()]
    shown = lines[:MAX_LISTED] + ["  ..."] * (len(lines) > MAX_LISTED)
    message = "\n".join([f"{len(lines)} of {videos} videos failed ({counts}):", *shown])
    if len(lines) > allowed * videos:
        raise TooManyFailuresError(f"{message}\nThat is more than {key} = {allowed} allows.")
    print(message, flush=True)
