"""Charts are well-formed "svg", and their marks are where the numbers say."""

from xml.etree import ElementTree

import pytest
from results import HALF, THREE_PEOPLE

from deepfake.model.operating_points import Thresholds
from deepfake.predict.charts import END, MARKS, WIDTH, gauge, timeline
from deepfake.predict.result import FaceFrame


def parsed(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def percent(mark: ElementTree.Element, name: str) -> float:
    value = mark.get(name, "")
    assert value.endswith("%")
    return float(value[:-1])


def marks(chart: ElementTree.Element, tag: str, css_class: str) -> list[ElementTree.Element]:
    return [one for one in chart.iter(tag) if css_class in one.get("class", "").split()]


@pytest.mark.parametrize("score", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("threshold", [0.0, 0.01, 0.5, 1.0])
def test_gauge(score: float, threshold: float) -> None:
    chart = parsed(gauge(score, Thresholds(threshold, threshold), (score / 2, score)))
    (dot,) = marks(chart, "circle", "score")
    (edge,) = marks(chart, "line", "threshold")
    score_x, threshold_x = percent(dot, "cx"), percent(edge, "x1")
    assert (score_x >= threshold_x) == (score >= threshold)
    assert all(0 <= x <= WIDTH for x in (score_x, threshold_x))
    assert len(marks(chart, "line", "interval")) == 3
    widths = [percent(bar, "width") for bar in chart.iter("rect")]
    assert min(widths) >= 0
    assert sum(widths) == pytest.approx(WIDTH - 2 * END, abs=0.05)


def test_gauge_without_score() -> None:
    chart = parsed(gauge(None, HALF, None))
    assert not marks(chart, "circle", "score")
    assert not marks(chart, "line", "interval")
    assert chart.get("aria-label") == "no score"


def test_gauge_with_two_thresholds() -> None:
    chart = parsed(gauge(0.5, Thresholds(0.2, 0.9), None))
    first, second = (percent(one, "x1") for one in marks(chart, "line", "threshold"))
    (middle,) = marks(chart, "rect", "undecided")
    assert percent(middle, "x") == first
    assert percent(middle, "width") == pytest.approx(second - first, abs=0.02)
    assert chart.get("aria-label") == "score 0.50, thresholds 0.20 and 0.90"
    assert "thresholds 0.20 and 0.90" in [text.text for text in chart.iter("text")]


def test_timeline_with_two_thresholds() -> None:
    chart = parsed(timeline(THREE_PEOPLE.faces[1].frames, Thresholds(0.6, 0.8)))
    assert [dot.get("class") for dot in marks(chart, "svg", "dot")] == [
        *("dot undecided", "dot fake")
    ]
    assert len(marks(chart, "line", "threshold")) == 2


def test_timeline() -> None:
    chart = parsed(timeline(THREE_PEOPLE.faces[1].frames, Thresholds(0.8, 0.8)))
    low, high = marks(chart, "svg", "dot")
    assert [low.get("class"), high.get("class")] == ["dot real", "dot fake"]
    assert percent(low, "x") < percent(high, "x")
    (line,) = marks(chart, "line", "threshold")
    assert float(low.get("y", "")) > float(line.get("y1", "")) > float(high.get("y", ""))
    assert [text.text for text in chart.iter("text")][-2:] == ["1.0 s", "2.0 s"]


def test_timeline_without_frame_rate_with_one_frame_and_without_frames() -> None:
    frames = [FaceFrame(number, None, 0.5, (0, 0, 1, 1), b"") for number in (3, 9)]
    chart = parsed(timeline(frames, HALF))
    assert [text.text for text in chart.iter("text")][-2:] == ["frame 3", "frame 9"]
    assert [text.text for text in parsed(timeline(frames[:1], HALF)).iter("text")][-1] == "frame 3"
    assert not marks(parsed(timeline([], HALF)), "svg", "dot")


def test_each_verdict_has_its_own_shape() -> None:
    assert len(set(MARKS.values())) == len(MARKS)
    frames = [
        FaceFrame(number, None, score, (0, 0, 1, 1), b"")
        for number, score in enumerate((0.1, 0.5, 0.9))
    ]
    drawn = timeline(frames, Thresholds(0.3, 0.7))
    assert all(drawn.count(mark) == 1 for mark in MARKS.values())
