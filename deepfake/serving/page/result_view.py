"""The view of one result."""

from pathlib import PurePath

import streamlit as st

from deepfake.predict.output import as_json
from deepfake.predict.report import report_name
from deepfake.serving.html import people_part, picture_of, pictures_part, verdict_part
from deepfake.serving.page.frame_view import show_timeline
from deepfake.serving.service import Analysis, Service

UNFOLDED_PEOPLE = 5


def show_result(analysis: Analysis) -> None:
    """Show the verdict and the people."""
    st.html(verdict_part(analysis.result))
    _show_people(analysis)


def show_details(service: Service, analysis: Analysis) -> None:
    """Show the verdict, the file with boxes, a timeline to click on, and the people.

    Args:
        service: draws heat maps of other frames.
        analysis: the analysis.
    """
    st.html(verdict_part(analysis.result))
    _show_pictures(analysis)
    if analysis.result.frames > 1 and analysis.people:
        st.fragment(show_timeline)(service, analysis)
    _show_people(analysis)


def _show_pictures(analysis: Analysis) -> None:
    """The clip and beside it the frame with the highest score; or the photo; or what was seen."""
    pictures = analysis.pictures
    if pictures.problem:
        st.caption(f"The file with boxes cannot be shown: {pictures.problem}.")
    frame = _shown_frame(analysis)
    has_clip = bool(pictures.clip and analysis.result.faces)
    if has_clip:
        clip_column, frame_column = st.columns(2)
        with clip_column:
            _show_clip(analysis)
            length = f"the first {pictures.clip_seconds:.0f} seconds, " if _is_cut(analysis) else ""
            st.caption(
                f"The video, {length}without sound. A solid box is on an analysed frame, a dashed"
                " box is interpolated between two of them. The number at a box is the score of the"
                " frame."
            )
        place = frame_column
    else:
        place = st.columns([2, 1])[0]
    if frame is not None:
        alt = "the picture" if analysis.result.frames == 1 else f"frame {frame}"
        picture = picture_of(pictures.frames[frame], alt, _frame_caption(analysis, frame))
        with place:
            st.html(pictures_part(picture, wide=has_clip))


def _show_clip(analysis: Analysis) -> None:
    """The video, in a place that has its shape before it is loaded."""
    video = analysis.result.video
    key = f"clip-{video.width}-{video.height}"
    shape = f"aspect-ratio: {video.width} / {video.height}"
    with st.container(key=key):
        st.html(f"<style>.st-key-{key} {{ {shape}; }}</style>")
        st.video(analysis.pictures.clip, muted=True)


def _shown_frame(analysis: Analysis) -> int | None:
    """The frame with the highest score of the deciding person that there is a picture of."""
    frames = analysis.pictures.frames
    for person in analysis.result.people:
        for one in person.most_suspicious(len(person.frames)):
            if one.frame in frames:
                return one.frame
    return next(iter(frames), None)


def _is_cut(analysis: Analysis) -> bool:
    video = analysis.result.video
    return analysis.pictures.clip_seconds * video.fps < video.frame_count - 1


def _frame_caption(analysis: Analysis, frame: int) -> str:
    result = analysis.result
    if not result.faces:
        return "What was seen in the file."
    if result.frames == 1:
        return "The picture with the faces that were found."
    return f"Frame {frame}, with the highest score of person 1."


def _show_people(analysis: Analysis) -> None:
    """The most suspicious people first; those beyond the fifth folded."""
    result, people = analysis.result, analysis.people
    st.html(people_part(result, people[:UNFOLDED_PEOPLE]))
    folded = len(result.faces) - UNFOLDED_PEOPLE
    if folded > 0:
        with st.expander(f"{folded} more {'person' if folded == 1 else 'people'}"):
            hidden = len(result.faces) - len(people)
            st.html(people_part(result, people[UNFOLDED_PEOPLE:], hidden, explained=False))


def offer_downloads(analysis: Analysis) -> None:
    """Show the buttons that save the JSON and the report."""
    name = report_name(analysis.result.path, ())
    json_column, report_column = st.columns(2)
    json_column.download_button(
        "Save as JSON",
        as_json(analysis.result, with_frames=True),
        f"{PurePath(name).stem}.json",
        "application/json",
        on_click="ignore",
        width="stretch",
    )
    report_column.download_button(
        "Save the report", analysis.report, name, "text/html", on_click="ignore", width="stretch"
    )
