"""The tab that compares two files, or the verdicts of two models on one file."""

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from deepfake.base.errors import DeepfakeError
from deepfake.serving.html import comparison_part, model_comparison_part
from deepfake.serving.models import OfferedModel
from deepfake.serving.page.analyses import analyse
from deepfake.serving.page.file_input import choose_file
from deepfake.serving.page.result_view import show_result
from deepfake.serving.page.visits import ChosenFile, Visit
from deepfake.serving.page_command import PageSettings
from deepfake.serving.service import Analysis, Service

FILES, MODELS = "two files", "two models"


def show_comparison(
    service: Service, settings: PageSettings, offered: Sequence[OfferedModel], visit: Visit
) -> list[ChosenFile]:
    """Let a person compare files or models; returns the files on the page."""
    if len(offered) == 1:
        return _compare_files(service, settings, visit)
    if st.radio("Compare", [FILES, MODELS], horizontal=True, key="compare") == FILES:
        return _compare_files(service, settings, visit)
    return _compare_models(service, settings, offered, visit)


def _compare_files(service: Service, settings: PageSettings, visit: Visit) -> list[ChosenFile]:
    st.caption(
        "For two copies of one clip, or two clips of one person. A higher score is more suspicious, but"
        " the lower one may be a fake too."
    )
    titles = {"first": "Drop the first file", "second": "Drop the second file"}
    files, analyses = [], []
    conclusion = st.container()
    for column, (key, title) in zip(st.columns(2), titles.items(), strict=True):
        with column:
            file = choose_file(key, title, settings.limits, visit)
            analysis = _analysed(service, file, visit) if file else None
        files.append(file)
        analyses.append(analysis)
    first, second = analyses
    if first and second:
        with conclusion:
            st.header("Comparison")
            st.html(comparison_part(first.result, second.result))
    return [file for file in files if file]


def _compare_models(
    service: Service, settings: PageSettings, offered: Sequence[OfferedModel], visit: Visit
) -> list[ChosenFile]:
    others = {one.title: one.place for one in offered[1:]}
    title = st.selectbox("Second model", list(others), key="second-model")
    file = choose_file("models", "Drop an image or a video", settings.limits, visit)
    if file is None:
        return []
    try:
        second_service = _load_other(service, others[title])
    except DeepfakeError as error:
        st.error(str(error))
        return [file]
    # The same file is another one for the other model, with an analysis of its own.
    same_file = replace(file, key=f"{file.key}-{title}")
    conclusion = st.container()
    first_column, second_column = st.columns(2)
    with first_column:
        st.header(offered[0].title)
        first = _analysed(service, file, visit)
    with second_column:
        st.header(title)
        second = _analysed(second_service, same_file, visit)
    if first and second:
        with conclusion:
            st.header("Comparison")
            st.html(model_comparison_part(first.result, second.result))
    return [file, same_file]


def _analysed(service: Service, file: ChosenFile, visit: Visit) -> Analysis | None:
    analysis = analyse(service, file, visit)
    if analysis:
        show_result(analysis)
    return analysis


def _make_other(_service: Service, place: str) -> Service:
    return _service.with_model(place)


_load_other = st.cache_resource(show_spinner="Loading the second model", max_entries=2)(_make_other)
