"""The timeline that shows the frame of a point."""

import json

import pytest
from results import CAUTIOUS, THREE_PEOPLE

from deepfake.predict.palette import LIGHT
from deepfake.serving.page.frame_view import POINT, chosen_frame, timeline_chart

FACE = THREE_PEOPLE.faces[0]


@pytest.mark.parametrize(
    ("selected", "frame"),
    [([], 25), ([{"frame": 50}], 50), ([{"frame": 51}], 25), ([{"other": 1}], 25)],
)
def test_a_point_chooses_its_frame_else_the_highest_score(
    selected: list[dict[str, int]], frame: int
) -> None:
    assert chosen_frame(FACE, selected).frame == frame


def test_the_chart_has_a_point_for_each_frame_and_the_thresholds() -> None:
    drawn = timeline_chart(FACE, CAUTIOUS.thresholds, LIGHT).to_dict()
    tables = [json.dumps(table) for table in drawn["datasets"].values()]
    assert any(table.count('"frame"') == len(FACE.frames) for table in tables)
    assert any("0.3" in table and "0.9" in table for table in tables)
    assert [one["name"] for one in drawn["params"]] == [POINT]
