"""The parts of the page: complete, escaped, without scripts and addresses."""

import base64
import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from html_page import Page
from markupsafe import Markup
from results import NOBODY, TWO

from deepfake import Detector
from deepfake.predict.advice import NO_FACE
from deepfake.predict.charts import gauge
from deepfake.predict.report import shown_people
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

EVIL = "<script>alert(1)</script>\"'&.mp4"


def test_a_verdict_with_its_gauge() -> None:
    found = Page(verdict_part(TWO))
    for words in ("FAKE", "The score is 0.82; FAKE begins at 0.50", "not a proof", "clip.mp4"):
        assert words in found.words
    assert [one["alt"] for tag, one in found.tags if tag == "img"] == ["score 0.82, threshold 0.50"]


def test_no_verdict_with_its_reason_and_what_to_try() -> None:
    found = Page(verdict_part(NOBODY))
    assert "UNDECIDED" in found.words
    assert "No score: no face found." in found.words
    assert NO_FACE in found.words
    assert found.count("img") == 0


def test_people_side_by_side(detector: Detector) -> None:
    found = Page(people_part(TWO, shown_people(TWO, detector)))
    assert [words in found.words for words in ("Person 0", "Person 1", "Person 2")] == [True] * 3
    assert "Person 1, who decides" in found.words
    assert "frame 50, 2.0 s: 0.90" in found.words
    assert "does not prove that a bright place was manipulated" in found.words
    assert found.count("section") == 3
    frames = sum(len(face.frames) for face in TWO.faces)
    assert found.count("img") == 3 + 2 * (4 + 2 + 1) + frames


def test_nobody_gives_nothing(detector: Detector) -> None:
    found = Page(people_part(NOBODY, shown_people(NOBODY, detector)))
    assert found.words.strip() == ""


def test_people_who_are_not_shown_are_counted(detector: Detector) -> None:
    people = shown_people(TWO, detector)
    assert "2 more people are not shown." in Page(people_part(TWO, people[:1])).words


def test_dots_lie_on_the_chart() -> None:
    dots = timeline_dots(TWO.faces[0])
    assert [dot.frame for dot in dots] == [0, 25, 50, 75]
    assert [dot.left for dot in dots] == sorted(dot.left for dot in dots)
    assert all(0 < dot.left < 100 and 0 < dot.top < 100 for dot in dots)
    assert dots[0].top > dots[1].top, "the higher score is above"
    assert dots[1].words == "frame 25, 1.0 s: 0.20"


def test_a_chart_is_an_image_of_its_own() -> None:
    (image,) = [
        one
        for tag, one in Page(chart_image(Markup(gauge(0.8, 0.5, None)), '"<')).tags
        if tag == "img"
    ]
    kind, data = str(image["src"]).split(",")
    assert kind == "data:image/svg+xml;base64"
    assert image["alt"] == '"<'
    drawn = ElementTree.fromstring(base64.b64decode(data))
    assert drawn.tag == "{http://www.w3.org/2000/svg}svg"
    assert "prefers-color-scheme: dark" in str(drawn[0].text)


def test_a_comparison() -> None:
    found = Page(comparison_part(TWO, NOBODY))
    assert "Scores can be compared only where both files have one." in found.words
    assert "0.72 to 0.92" in found.words


def test_the_card_says_that_the_threshold_is_fixed(detector: Detector) -> None:
    found = Page(model_part(detector.card))
    assert "0.500, chosen on validation videos, fixed here" in found.words
    assert "What it is not for" in found.words
    assert dict(dict(card_sections(detector.card))["Where it comes from"])["data"] == "demo"


def test_a_card_without_origin(detector: Detector) -> None:
    assert "unknown" in Page(model_part(replace(detector.card, origin={}))).words


@pytest.mark.parametrize(
    "text",
    [
        verdict_part(replace(TWO, path=EVIL, note=EVIL)),
        verdict_part(replace(NOBODY, path=EVIL, reason=EVIL)),
        comparison_part(replace(TWO, path=EVIL), NOBODY),
    ],
)
def test_hostile_text_is_escaped(text: str) -> None:
    assert Page(text).count("script") == 0
    assert "&lt;script&gt;" in text


def test_nothing_is_loaded(detector: Detector) -> None:
    text = style() + verdict_part(TWO) + people_part(TWO, shown_people(TWO, detector))
    assert not re.search(r"https?://|<script|<link|url\(|@import", text)
    assert text.count("{") == text.count("}")


def test_the_api_page() -> None:
    api = {
        "info": {"title": "Title", "description": "About"},
        "paths": {"/predict": {"post": {"description": "Judge", "responses": {}}}},
    }
    found = Page(
        api_page(api, UploadLimits()).replace("<!doctype html>", "").replace("<input", "<br")
    )
    assert "POST /predict" in found.words
    assert "100 MB" in found.words
