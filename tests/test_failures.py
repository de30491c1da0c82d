"""Failed videos: told, and an error beyond the allowance."""

import pandas as pd
import pytest

from deepfake.errors import TooManyFailuresError
from deepfake.failures import report_failures


def failed(count: int) -> pd.DataFrame:
    rows = [(f"d/{i:02d}", "unreadable" if i else "too_short", f"why {i}") for i in range(count)]
    return pd.DataFrame(rows, columns=["video_id", "status", "reason"])


def test_no_failure_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    report_failures(failed(0), 3, "frames.max_failed_fraction", 0.0)
    report_failures(failed(0), 0, "frames.max_failed_fraction", 0.0)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("count", "videos", "allowed"), [(1, 10, 0.1), (3, 3, 1.0), (2, 5, 0.5)])
def test_allowed_failures_are_told(
    capsys: pytest.CaptureFixture[str], count: int, videos: int, allowed: float
) -> None:
    report_failures(failed(count), videos, "a.b", allowed)
    first, *lines = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{count} of {videos} videos failed (1 too_short")
    assert lines[0] == "  d/00: too_short, why 0"
    assert len(lines) == count


@pytest.mark.parametrize(("count", "videos", "allowed"), [(1, 9, 0.1), (1, 100, 0.0)])
def test_too_many_are_an_error(count: int, videos: int, allowed: float) -> None:
    with pytest.raises(TooManyFailuresError) as caught:
        report_failures(failed(count), videos, "frames.max_failed_fraction", allowed)
    assert "  d/00: too_short, why 0\n" in str(caught.value)
    assert str(caught.value).endswith(f"more than frames.max_failed_fraction = {allowed} allows.")


def test_a_long_list_is_cut() -> None:
    with pytest.raises(TooManyFailuresError) as caught:
        report_failures(failed(21), 30, "a.b", 0.5)
    first, *lines, last = str(caught.value).splitlines()
    assert first == "21 of 30 videos failed (1 too_short, 20 unreadable):"
    assert lines[19] == "  d/19: unreadable, why 19"
    assert lines[20:] == ["  ..."]
    assert last == "That is more than a.b = 0.5 allows."
