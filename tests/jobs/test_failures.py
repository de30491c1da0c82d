"""Tests of jobs/failures.py: failures are reported, and too many are an error."""

import pandas as pd
import pytest

from deepfake.base.errors import TooManyFailuresError
from deepfake.jobs.failures import report_failures


def failed(count: int) -> pd.DataFrame:
    rows = [(f"d/{i:02d}", "unreadable" if i else "too_short", f"why {i}") for i in range(count)]
    return pd.DataFrame(rows, columns=["video_id", "status", "reason"])


def test_nothing_is_printed_without_failures(capsys: pytest.CaptureFixture[str]) -> None:
    report_failures(failed(0), (), 3, "frames.max_failed_fraction", 0.0, "data/x.csv")
    report_failures(failed(0), (), 0, "frames.max_failed_fraction", 0.0, "data/x.csv")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("count", "videos", "allowed"), [(1, 10, 0.1), (3, 3, 1.0), (2, 5, 0.5)])
def test_allowed_failures_are_printed(
    capsys: pytest.CaptureFixture[str], count: int, videos: int, allowed: float
) -> None:
    report_failures(failed(count), (), videos, "a.b", allowed, "data/x.csv")
    first, *lines = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{count} of {videos} videos have problems (1 too_short")
    assert lines[0] == "  d/00: too_short, why 0"
    assert len(lines) == count


@pytest.mark.parametrize(("count", "videos", "allowed"), [(1, 9, 0.1), (1, 100, 0.0)])
def test_too_many_are_an_error(count: int, videos: int, allowed: float) -> None:
    with pytest.raises(TooManyFailuresError) as caught:
        report_failures(
            failed(count), (), videos, "frames.max_failed_fraction", allowed, "data/x.csv"
        )
    assert "  d/00: too_short, why 0\n" in str(caught.value)
    assert str(caught.value).endswith(
        f"\n{count} of {videos} videos cannot be used, but frames.max_failed_fraction allows a"
        f" fraction of {allowed}: fix or remove them (see data/x.csv), or raise"
        " frames.max_failed_fraction"
    )


def test_a_long_list_is_shortened() -> None:
    with pytest.raises(TooManyFailuresError) as caught:
        report_failures(failed(21), (), 30, "a.b", 0.5, "data/x.csv")
    first, *lines, last = str(caught.value).splitlines()
    assert first == "21 of 30 videos have problems (1 too_short, 20 unreadable):"
    assert lines[19] == "  d/19: unreadable, why 19"
    assert lines[20:] == ["  ... see data/x.csv for all of them"]
    assert "a.b allows a fraction of 0.5" in last


def test_usable_videos_are_reported_but_do_not_count(capsys: pytest.CaptureFixture[str]) -> None:
    report_failures(failed(3), ("unreadable",), 3, "a.b", 0.34, "data/x.csv")
    assert capsys.readouterr().out.count("unreadable, why") == 2
    with pytest.raises(TooManyFailuresError, match="1 of 3 videos cannot be used"):
        report_failures(failed(3), ("unreadable",), 3, "a.b", 0.3, "data/x.csv")
