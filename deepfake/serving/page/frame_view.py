"""A timeline to click on: a point shows its frame, crop and heat map."""

from dataclasses import replace
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from deepfake.base.errors import DeepfakeError
from deepfake.core.labels import FAKE, LABEL_NAMES, REAL, UNDECIDED
from deepfake.model.operating_points import Thresholds
from deepfake.predict.palette import DARK, LIGHT, SMALLEST_TEXT, Palette
from deepfake.predict.result import Face, FaceFrame
from deepfake.serving.html import picture_of, pictures_part
from deepfake.serving.service import Analysis, Service

POINT = "point"  # name of the selection in the chart
SHAPES = ["triangle", "circle", "diamond"]  # of FAKE, REAL and UNDECIDED, as `palette` says
HEIGHT = 220  # pixels of the chart


def show_timeline(service: Service, analysis: Analysis) -> None:
    """Show the scores of a person over time, and the frame whose point was clicked.

    Args:
        service: draws the heat map.
        analysis: of a video with people.
    """
    people = {f"Person {one.number}": one.face for one in analysis.people}
    st.html('<div class="deepfake"><h2>Scores over time</h2></div>')
    chosen = next(iter(people))
    if len(people) > 1:
        chosen = st.selectbox("Person", list(people), key=f"timeline-person-{id(analysis)}")
    face = people[chosen]
    event: Any = st.altair_chart(
        timeline_chart(face, analysis.result.thresholds, _palette()),
        on_select="rerun",
        selection_mode=POINT,
        key=f"timeline-chart-{id(analysis)}-{face.track}",
    )
    _show_frame(service, analysis, chosen_frame(face, event.selection.get(POINT, [])))


def _palette() -> Palette:
    """That of the theme on the page; a chart cannot follow it by itself."""
    return DARK if st.context.theme.type == "dark" else LIGHT


def timeline_chart(face: Face, thresholds: Thresholds, palette: Palette) -> alt.LayerChart:
    """The scores of a person's frames as points that can be selected, and the thresholds."""
    has_time = all(one.seconds is not None for one in face.frames)
    table = pd.DataFrame(
        {
            "frame": [one.frame for one in face.frames],
            "time": [one.seconds if has_time else one.frame for one in face.frames],
            "score": [one.score for one in face.frames],
            "verdict": [thresholds.verdict(one.score) for one in face.frames],
        }
    )
    horizontal = alt.X("time:Q", title="seconds" if has_time else "frame")
    vertical = alt.Y("score:Q", scale=alt.Scale(domain=[0, 1]), title="score")
    line = alt.Chart(table).mark_line(color=palette.soft).encode(x=horizontal, y=vertical)
    verdicts = [LABEL_NAMES[FAKE], LABEL_NAMES[REAL], UNDECIDED]
    colors = [palette.fake, palette.real, palette.undecided]
    selection = alt.selection_point(name=POINT, fields=["frame"])
    points = (
        alt.Chart(table)
        .mark_point(filled=True, size=150, cursor="pointer")
        .encode(
            x=horizontal,
            y=vertical,
            tooltip=[
                "frame",
                alt.Tooltip("time", format=".1f"),
                alt.Tooltip("score", format=".2f"),
            ],
            color=alt.Color(
                "verdict:N", scale=alt.Scale(domain=verdicts, range=colors), legend=None
            ),
            shape=alt.Shape(
                "verdict:N", scale=alt.Scale(domain=verdicts, range=SHAPES), legend=None
            ),
            opacity=alt.condition(selection, alt.value(1), alt.value(0.4)),
        )
        .add_params(selection)
    )
    edges = pd.DataFrame({"score": sorted({thresholds.real_below, thresholds.fake_from})})
    rules = alt.Chart(edges).mark_rule(strokeDash=[6, 4], color=palette.ink).encode(y="score:Q")
    chart: alt.LayerChart = (
        (line + rules + points)
        .properties(height=HEIGHT)
        .configure_axis(labelFontSize=SMALLEST_TEXT, titleFontSize=SMALLEST_TEXT)
    )
    return chart


def chosen_frame(face: Face, selected: list[dict[str, Any]]) -> FaceFrame:
    """The selected frame of a person; the one with the highest score if none is selected."""
    numbers = {one["frame"] for one in selected if "frame" in one}
    return next((one for one in face.frames if one.frame in numbers), face.most_suspicious(1)[0])


def _show_frame(service: Service, analysis: Analysis, frame: FaceFrame) -> None:
    try:
        view = service.frame_view(frame)
    except DeepfakeError as error:
        st.error(str(error))
        return
    time = "" if frame.seconds is None else f", {frame.seconds:.1f} s"
    st.caption(
        f"Click a point to see its frame. Frame {frame.frame}{time}: score {frame.score:.2f}"
    )
    crop = picture_of(frame.image, f"face in frame {frame.frame}", "The face as the model sees it")
    words = (
        "No region raised the score"
        if view.is_cold
        else "Where the score was raised; not where something was changed"
    )
    heat = replace(crop, url=view.heat, alt="the same face with its heat map", caption=words)
    pictures = [crop, heat]
    if frame.frame in analysis.pictures.frames:
        jpeg = analysis.pictures.frames[frame.frame]
        pictures.insert(0, picture_of(jpeg, f"frame {frame.frame} with boxes", "The frame"))
    st.html(pictures_part(*pictures))
