"""The parts of the page: complete, escaped, without scripts and requests."""

import base64
import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from html_page import Page
from markupsafe import Markup
from results import HALF, NO_PEOPLE, NOT_CERTAIN, THREE_PEOPLE

from deepfake import Detector
from deepfake.model.card import ModelCard
from deepfake.predict.advice import advice
from deepfake.predict.charts import gauge
from deepfake.predict.report import person_views
from deepfake.serving.html import (
    api_page,
    card_sections,
    chart_image,
    comparison_part,
    model_part,
    people_part,
    style,
    timeline_dots,
    verdict_part,
)
from deepfake.serving.uploads import UploadLimits

HOSTILE = "<script>alert(1)</script>\"'&.mp4"


def with_card(detector: Detector, card: ModelCard) -> Detector:
    return Detector(detector.network, card, detector.device, detector.model, detector.preprocessor)


def test_a_score_in_the_middle_has_advice_and_its_worth() -> None:
    found = Page(verdict_part(NOT_CERTAIN))
    assert "Cannot say  The model cannot tell." in found.words
    assert "No verdict: not certain enough." in found.words
    assert advice(NOT_CERTAIN) in found.words
    assert "Of 100 videos, about 25 (20 to 31) are left UNDECIDED." in found.words
    assert [one["alt"] for tag, one in found.tags if tag == "img"] == [
        "score 0.82, thresholds 0.30 and 0.90"
    ]


def test_a_verdict_has_a_gauge() -> None:
    found = Page(verdict_part(THREE_PEOPLE))
    for text in (
        "FAKE",
        "Looks manipulated  Something in the face",
        "The score is 0.82. Scores of 0.50 or more are FAKE.",
        "Score range over frames (95 %): 0.72 to 0.92, all FAKE: other frames",
        "not a proof",
        "clip.mp4",
    ):
        assert text in found.words
    assert [one["alt"] for tag, one in found.tags if tag == "img"] == ["score 0.82, threshold 0.50"]


def test_undecided_has_a_reason_and_advice() -> None:
    found = Page(verdict_part(NO_PEOPLE))
    assert "UNDECIDED" in found.words
    assert "No score: no face found." in found.words
    assert advice(NO_PEOPLE) in found.words
    assert found.count("img") == 0


def test_people(detector: Detector) -> None:
    found = Page(people_part(THREE_PEOPLE, person_views(THREE_PEOPLE, detector)))
    assert [f"Person {number}" in found.words for number in (0, 1, 2, 3)] == [False] + [True] * 3
    assert "Person 1 (decides the verdict)  Score 0.82." in found.words
    assert "frame 50, 2.0 s: 0.90" in found.words
    assert "does not prove that a bright region was manipulated" in found.words
    assert found.count("section") == 3
    frames = sum(len(face.frames) for face in THREE_PEOPLE.faces)
    assert found.count("img") == 3 + 2 * (4 + 2 + 1) + frames


def test_no_people_give_an_empty_part(detector: Detector) -> None:
    found = Page(people_part(NO_PEOPLE, person_views(NO_PEOPLE, detector)))
    assert found.words.strip() == ""


def test_people_not_shown_are_counted(detector: Detector) -> None:
    people = person_views(THREE_PEOPLE, detector)
    folded = Page(people_part(THREE_PEOPLE, people[:1], 2, explained=False)).words
    assert "2 more people are not shown." in folded
    assert "Grad-CAM" not in folded


def test_dots_are_on_the_chart() -> None:
    dots = timeline_dots(THREE_PEOPLE.faces[0])
    assert [dot.frame for dot in dots] == [0, 25, 50, 75]
    assert [dot.left for dot in dots] == sorted(dot.left for dot in dots)
    assert all(0 < dot.left < 100 and 0 < dot.top < 100 for dot in dots)
    assert dots[0].top > dots[1].top, "the higher score is higher on the chart"
    assert dots[1].text == "frame 25, 1.0 s: 0.20"


def test_a_chart_is_a_self_contained_image() -> None:
    (image,) = [
        one
        for tag, one in Page(chart_image(Markup(gauge(0.8, HALF, None)), '"<')).tags
        if tag == "img"
    ]
    kind, data = str(image["src"]).split(",")
    assert kind == "data:image/svg+xml;base64"
    assert image["alt"] == '"<'
    drawn = ElementTree.fromstring(base64.b64decode(data))
    assert drawn.tag == "{http://www.w3.org/2000/svg}svg"
    assert "light-dark(" in str(drawn[0].text)


def test_a_comparison() -> None:
    found = Page(comparison_part(THREE_PEOPLE, NO_PEOPLE))
    assert "Scores can be compared only if both files have one." in found.words
    assert "0.72 to 0.92" in found.words


def test_the_model_part_has_threshold_scope_and_data(detector: Detector) -> None:
    found = Page(model_part(detector))
    assert "chosen on validation videos and fixed" in found.words
    assert "balanced (in use) Scores of 0.50 or more are FAKE." in found.words
    assert "cautious none: the model was not trained here" in found.words
    assert "Out of scope" in found.words
    assert dict(dict(card_sections(detector.card))["Training"])["data sets"] == "demo"


def test_the_share_of_self_blended_pairs_is_that_of_all_domains(detector: Detector) -> None:
    domains = {
        "video": {"datasets": ["a"], "share": 0.75, "self_blended": 0.2},
        "photo": {"datasets": ["b"], "share": 0.25, "self_blended": 1.0},
    }
    origin = {**detector.card.origin, "train": {"self_blended": 0.0, "domains": domains}}
    training = dict(card_sections(replace(detector.card, origin=origin)))["Training"]
    assert dict(training)["self-blended fakes"] == "40% of the pairs"


def test_a_score_is_a_probability_only_if_calibrated(detector: Detector) -> None:
    assert "probability of FAKE, calibrated" in Page(model_part(detector)).words
    problem = "val has 4 groups of people"
    card = replace(detector.card, calibration_problem=problem, calibration_note="no Platt")
    uncalibrated = with_card(detector, card)
    parts = model_part(uncalibrated) + verdict_part(replace(THREE_PEOPLE, calibrated=False))
    words = Page(parts).words
    assert "; no Platt" in words
    assert f"score (not calibrated): {problem}" in words
    assert "The score (not calibrated) is 0.82" in words
    assert "probab" not in words


def test_a_card_without_origin(detector: Detector) -> None:
    without = with_card(detector, replace(detector.card, origin={}))
    assert "unknown" in Page(model_part(without)).words


@pytest.mark.parametrize(
    "text",
    [
        verdict_part(replace(THREE_PEOPLE, path=HOSTILE, note=HOSTILE)),
        verdict_part(replace(NO_PEOPLE, path=HOSTILE, reason=HOSTILE)),
        comparison_part(replace(THREE_PEOPLE, path=HOSTILE), NO_PEOPLE),
    ],
)
def test_hostile_text_is_escaped(text: str) -> None:
    assert Page(text).count("script") == 0
    assert "&lt;script&gt;" in text


def test_the_parts_load_nothing(detector: Detector) -> None:
    text = (
        style()
        + verdict_part(THREE_PEOPLE)
        + people_part(THREE_PEOPLE, person_views(THREE_PEOPLE, detector))
    )
    assert not re.search(r"https?://|<script|<link|url\(|@import", text)
    assert text.count("{") == text.count("}")


def test_the_api_page() -> None:
    api = {
        "info": {"title": "Title", "description": "About"},
        "paths": {"/predict": {"post": {"description": "Predict", "responses": {}}}},
    }
    found = Page(
        api_page(api, UploadLimits()).replace("<!doctype html>", "").replace("<input", "<br")
    )
    assert "POST /predict" in found.words
    assert "100 MB" in found.words
