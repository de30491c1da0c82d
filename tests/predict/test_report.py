"""The HTML report of a result: complete, escaped, and without requests."""

import re
from dataclasses import replace
from datetime import datetime, timezone

import pytest
from html_page import Page
from results import NO_PEOPLE, NOT_CERTAIN, THREE_PEOPLE, make_face, make_result

from deepfake import Detector
from deepfake.predict.report import MAX_PEOPLE, html_report, report_name
from deepfake.predict.result import Result


def page(result: Result, detector: Detector) -> Page:
    return Page(html_report(result, detector))


def test_a_report_is_complete(detector: Detector) -> None:
    found = page(replace(THREE_PEOPLE, sha256="ab12"), detector)
    for text in (
        "FAKE",
        "The score is 0.82. Scores of 0.50 or more are FAKE.",
        "Score range over frames (95 %): 0.72 to 0.92, all FAKE",
    ):
        assert text in found.words
    assert "Person 1 (decides the verdict)" in found.words
    assert found.words.count("decides the verdict") == 1
    for number in (1, 3):
        assert f"Person {number}" in found.words
    assert "No score: too few frames with a face." in found.words
    assert "frame 50, 2.0 s: 0.90" in found.words
    assert "does not prove that a bright region was manipulated" in found.words
    assert "not a proof" in found.words
    assert f"on {datetime.now(timezone.utc).date()} (UTC)" in found.words
    assert "SHA-256 ab12" in found.words
    assert [one.get("class") for tag, one in found.tags if tag == "svg"].count("plot") == 1 + 3
    assert found.count("img") == 2 * (4 + 2 + 1)


def test_a_score_is_a_probability_only_if_calibrated(detector: Detector) -> None:
    assert "a share of files equal to the score was fake" in page(THREE_PEOPLE, detector).words
    problem = "val has 4 groups of people"
    card = replace(detector.card, calibration_problem=problem)
    uncalibrated = Detector(
        detector.network, card, detector.device, detector.model, detector.preprocessor
    )
    found = page(replace(THREE_PEOPLE, calibrated=False), uncalibrated)
    assert "The score (not calibrated) is 0.82" in found.words
    assert f"Score (not calibrated): {problem}." in found.words
    assert "a share of files" not in found.words


def test_a_report_loads_and_runs_nothing(detector: Detector) -> None:
    text = html_report(THREE_PEOPLE, detector)
    sources = [attributes.get("src") or "" for tag, attributes in Page(text).tags if tag == "img"]
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    assert "default-src 'none'" in text
    assert "light-dark(" in text
    assert not re.search(r"https?://|<script|<link|url\(|@import", text)


def test_an_undecided_file_has_a_reason_and_no_images(detector: Detector) -> None:
    found = page(NO_PEOPLE, detector)
    assert "No score: no face found." in found.words
    assert found.count("img") == found.count("svg") == 0


def test_a_score_between_the_thresholds_is_shown_with_what_the_point_is_worth(
    detector: Detector,
) -> None:
    found = page(NOT_CERTAIN, detector)
    for text in (
        "No verdict: not certain enough.",
        "The score is 0.82. Scores of 0.90 or more are FAKE, below 0.30 REAL, and between them"
        " UNDECIDED.",
        "Of 100 videos, about 25 (20 to 31) are left UNDECIDED.",
        "operating point cautious",
    ):
        assert text in found.words
    assert "Of 100" not in page(THREE_PEOPLE, detector).words, "it was not measured"


def test_a_single_image_has_no_timeline(detector: Detector) -> None:
    image = replace(THREE_PEOPLE.video, fps=0.0, codec="", indices=(0,), frame_count=1)
    found = page(make_result("a.jpg", (make_face(0, {0: 0.7}, 0.7),), image), detector)
    assert found.count("svg") == 1
    assert "frames per second" not in found.words


def test_hostile_text_is_escaped(detector: Detector) -> None:
    hostile = "<script>alert(1)</script>\"'&\udcff\x1b.mp4"
    for result in (
        replace(THREE_PEOPLE, path=hostile, note=hostile),
        replace(NO_PEOPLE, path=hostile, reason=hostile),
    ):
        text = html_report(result, detector)
        assert Page(text).count("script") == 0
        assert "&lt;script&gt;" in text
        text.encode()


def test_the_report_of_a_crowd_shows_some_people(detector: Detector) -> None:
    crowd = tuple(make_face(track, {0: 0.5}, 0.5) for track in range(MAX_PEOPLE + 3))
    found = page(make_result(faces=crowd), detector)
    assert f"{MAX_PEOPLE + 3}, 3 not shown" in found.words
    assert found.count("img") == 2 * MAX_PEOPLE


@pytest.mark.parametrize(
    ("path", "taken", "name"),
    [
        ("clips/a.mp4", set(), "a.mp4.html"),
        ("a.mp4", {"a.mp4.html", "a.mp4-2.html"}, "a.mp4-3.html"),
        ("https://host/x/clip?key=a/b", set(), "clip.html"),
        ("https://host/", set(), "host.html"),
        ("/", set(), "report.html"),
        ("ü" * 300, set(), "ü" * 100 + ".html"),
    ],
)
def test_report_names(path: str, taken: set[str], name: str) -> None:
    assert report_name(path, taken) == name
