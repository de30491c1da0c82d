"""The simulation of a cluster, and the figures of docs/scaling-plan.md."""

import subprocess
import sys
from dataclasses import replace
from math import inf
from pathlib import Path

import pytest

from benchmarks.cluster import Cluster, simulate

ONE = Cluster(nodes=1, cores=4, slots=8, ahead=1000)
TWO = Cluster(nodes=2, cores=1, slots=4, ahead=1000)


def test_without_losses_the_time_is_work_by_cores() -> None:
    assert simulate([], ONE).seconds == 0
    assert simulate([3.0] * 20, ONE).seconds == 3 * 20 / 4
    assert simulate([3.0] * 21, ONE).seconds == 3 * 6, "the last one alone"
    assert simulate([3.0] * 20, TWO).seconds == 3 * 20 / 2
    assert simulate([3.0] * 20, replace(TWO, overhead_seconds=1.0)).seconds == 4 * 20 / 2
    assert list(simulate([2.0, 1.0, 5.0], ONE).done.items()) == [(1, 1), (0, 2), (2, 5)]


def test_a_long_video_at_the_end_is_waited_for() -> None:
    assert simulate([1.0] * 8 + [10.0], ONE).seconds == 2 + 10


def test_a_busy_driver_limits_all() -> None:
    """It sends a video every second; each takes 3 seconds, so 3 of the 4 cores are in use."""
    assert simulate([3.0] * 20, replace(ONE, driver_seconds=1.0)).seconds == 20 + 3
    assert simulate([3.0] * 20, replace(ONE, slots=2)).seconds == 3 * 20 / 2


def test_no_video_is_sent_too_far_ahead_of_a_hanging_one() -> None:
    work = [100.0] + [1.0] * 40
    assert simulate(work, replace(TWO, ahead=1000)).seconds == 100
    done = simulate(work, replace(TWO, ahead=11)).done
    assert [video for video, end in done.items() if end < 100] == list(range(1, 11))
    assert max(done.values()) == 100 + 30 / 2


def test_the_videos_of_a_lost_node_are_started_again() -> None:
    lost = simulate([4.0] * 10, replace(TWO, losses=[(1, 10.0, inf)]))
    assert sorted(lost.done) == list(range(10)), "none is lost, none appears twice"
    # Both have done two, and the node was in the middle of its third, which the other one does next.
    assert (lost.repeats, lost.lost_seconds, lost.seconds) == (1, 2.0, 8 + 4 * 6)
    back = simulate([4.0] * 10, replace(TWO, losses=[(1, 10.0, 16.0)]))
    assert (back.repeats, back.lost_seconds, back.seconds) == (1, 2.0, 24)


def test_a_node_that_joins_or_is_slow() -> None:
    joins = simulate([1.0] * 10, replace(TWO, losses=[(1, 0.0, 4.0)]))
    assert (joins.repeats, joins.seconds) == (0, 4 + 6 / 2)
    assert simulate([1.0] * 9, replace(TWO, slow={1: 2.0})).seconds == 6, "6 and 3 videos"


def test_without_nodes_the_run_ends_with_an_error() -> None:
    with pytest.raises(ValueError, match="all nodes are lost, and 2 videos have no result"):
        simulate([1.0, 9.0, 9.0], replace(TWO, losses=[(0, 5.0, inf), (1, 5.0, inf)]))


def test_the_document_has_the_figures_that_are_computed(repository: Path) -> None:
    """The quick ones; `python benchmarks/scaling.py --write` updates the document."""
    command = [sys.executable, "benchmarks/scaling.py", "storage", "compute", "check", "limits"]
    printed = subprocess.run(command, cwd=repository, check=True, capture_output=True, text=True)
    document = (repository / "docs/scaling-plan.md").read_text(encoding="utf-8")
    tables = printed.stdout.strip().split("\n\n<!-- ")
    assert len(tables) == 4
    for table in tables:
        assert table.strip() in document
