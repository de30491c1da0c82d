"""How many processor cores this process may use."""

import os


def usable_cores() -> int:
    """Their number, which containers and schedulers limit; at least 1."""
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def thread_count() -> int:
    """Threads for a computation: `OMP_NUM_THREADS` if that is set, else one per usable core."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return int(wanted) if wanted.isdecimal() and int(wanted) > 0 else usable_cores()
