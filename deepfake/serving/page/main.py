"""The page of `deepfake app`. Streamlit runs this file again at every interaction."""

import os
from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePath
from typing import BinaryIO

import streamlit as st

from deepfake.base.errors import DeepfakeError
from deepfake.predict.output import as_json
from deepfake.predict.report import report_name
from deepfake.serving.html import comparison_part, model_part, people_part, style, verdict_part
from deepfake.serving.page_command import PageSettings
from deepfake.serving.sample_clips import existing_clips
from deepfake.serving.service import Analysis, Service

SETTINGS = PageSettings.from_environment(os.environ)
ANALYSES = "analyses"  # in the session state: analyses on the page, by the key of their file


@dataclass(frozen=True)
class ChosenFile:
    """A file to analyse; its key differs from that of every other file, also of the same name."""

    key: str
    name: str
    stream: BinaryIO


def main() -> None:
    """Show the page."""
    st.set_page_config("Deepfake detector", layout="wide")
    st.html(style())
    st.title("Was a face swapped?")
    try:
        service = load_service(SETTINGS)
    except DeepfakeError as error:
        st.error(str(error))
        st.stop()
    for note in service.detector.notes:
        st.caption(f"Note: {note}")
    check, compare, model = st.tabs(["Check a file", "Compare two", "The model"])
    with check:
        files = [check_tab(service)]
    with compare:
        files += compare_tab(service)
    with model:
        st.html(model_part(service.detector))
    forget_other_analyses({file.key for file in files if file})


def _load(settings: PageSettings) -> Service:
    return Service.load(settings.model, settings.limits, operating_point=settings.operating_point)


load_service = st.cache_resource(
    show_spinner="Loading the model", hash_funcs={PageSettings: PageSettings.to_text}
)(_load)


def check_tab(service: Service) -> ChosenFile | None:
    """Show one file with all details; returns the file."""
    file = choose_file("one", "Drop an image or a video")
    analysis = analyse(service, file) if file else None
    if analysis:
        show(analysis)
        offer_downloads(analysis)
    return file


def compare_tab(service: Service) -> list[ChosenFile | None]:
    """Show two files side by side; returns the files."""
    titles = {"first": "Drop the first file", "second": "Drop the second file"}
    files, analyses = [], []
    for column, (key, title) in zip(st.columns(2), titles.items(), strict=True):
        with column:
            file = choose_file(key, title)
            analysis = analyse(service, file) if file else None
            if analysis:
                show(analysis)
        files.append(file)
        analyses.append(analysis)
    first, second = analyses
    if first and second:
        st.subheader("Comparison")
        st.html(comparison_part(first.result, second.result))
    return files


def choose_file(key: str, title: str) -> ChosenFile | None:
    """Show a file uploader, and sample clips while nothing is uploaded."""
    limits = SETTINGS.limits
    uploaded = st.file_uploader(
        f"{title}, up to {limits.megabytes} MB and {limits.minutes:g} minutes", key=f"{key}-file"
    )
    invitation = st.empty()
    if uploaded is not None:
        invitation.empty()
        return ChosenFile(f"{key}-{uploaded.file_id}", uploaded.name, uploaded)
    clips = {clip.title: clip for clip in existing_clips()}
    with invitation.container():
        title_of_clip = (
            st.pills("Or try one of these", list(clips), key=f"{key}-sample") if clips else None
        )
        if clips:
            st.caption("The name says what a clip really shows. The model may be wrong about it.")
        st.caption("Files are analysed on this machine, sent nowhere, and deleted afterwards.")
    if title_of_clip is None:
        return None
    path = clips[title_of_clip].path
    return ChosenFile(f"{key}-{path}", path.name, BytesIO(path.read_bytes()))


def analyse(service: Service, file: ChosenFile) -> Analysis | None:
    """The analysis of a file, made now or in an earlier run; None if the file is refused."""
    analyses: dict[str, Analysis] = st.session_state.setdefault(ANALYSES, {})
    place = st.empty()  # in every run, because Streamlit identifies elements by their order
    if file.key not in analyses:
        with place.status("Reading the file") as status:
            try:
                file.stream.seek(0)
                analyses[file.key] = service.analyse(
                    file.stream, file.name, lambda message: status.update(label=message)
                )
            except DeepfakeError as error:
                status.update(label=f"Not analysed: {error}", state="error")
                st.button("Try again", key=f"{file.key}-again")  # which runs the page again
                return None
        place.empty()
    return analyses[file.key]


def show(analysis: Analysis) -> None:
    """Show the verdict and the people."""
    st.html(verdict_part(analysis.result))
    st.html(people_part(analysis.result, analysis.people))


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


def forget_other_analyses(keys: set[str]) -> None:
    """Forget the analyses of files that are no longer on the page."""
    analyses: dict[str, Analysis] = st.session_state.get(ANALYSES, {})
    for key in set(analyses) - keys:
        del analyses[key]


if __name__ == "__main__":
    main()
