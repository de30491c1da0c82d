"""What model answers: the line at the top of the page, and the tab that describes it."""

import json
from dataclasses import asdict

import streamlit as st

from deepfake.model.card import CARD
from deepfake.serving.html import answering_part, model_part
from deepfake.serving.models import OfferedModel, card_text, model_date
from deepfake.serving.page.visits import Visit
from deepfake.serving.service import Service

POINT = "point"  # in the session state: the name of the operating point


def choose_point(service: Service, model: OfferedModel, visit: Visit) -> Service:
    """Show the model and a choice of its operating points; returns the service at the chosen one."""
    detector = service.detector
    names = [name for name, found in detector.card.operating_points.items() if found is not None]
    before = visit.judge[1] if visit.judge else detector.operating_point.name
    chosen = st.session_state.setdefault(POINT, before)
    visit.set_judge(detector.model, chosen)
    service = _at_point(service, model.place, chosen)
    date = _date(model.place)  # before anything is drawn, so that both columns appear at once
    line, choice = st.columns([3, 1], vertical_alignment="bottom")
    with line.container(key="answering"):
        st.html(answering_part(service.detector, date))
    choice.selectbox(
        "Operating point",
        names,
        key=POINT,
        help="Which scores are called FAKE or REAL. The tab The model has the error rates of each.",
    )
    return service


def show_model(service: Service, model: OfferedModel) -> None:
    """Show the model's operating points, origin and limits, and a button that saves its card."""
    st.html(model_part(service.detector))
    written = card_text(model.place)
    name = "model_card.md" if written else CARD
    content = written or json.dumps(asdict(service.detector.card), indent=2)
    st.download_button("Save the model card", content, name, on_click="ignore")


def _make_at_point(_service: Service, place: str, name: str) -> Service:  # noqa: ARG001 – `place` is of the key
    """The same service for the same model and point, which keeps the list of files."""
    return _service.with_point(name)


_at_point = st.cache_resource(show_spinner=False)(_make_at_point)
_date = st.cache_data(show_spinner=False)(model_date)
