"""The page about a result: complete, escaped, and without a network."""

import re
from dataclasses import replace

import pytest
from html_page import Page
from results import NOBODY, TWO, make_face, make_result

from deepfake import Detector
from deepfake.predict.report import MOST_PEOPLE, html_report, report_name
from deepfake.predict.result import Result


def page(result: Result, detector: Detector) -> Page:
    return Page(html_report(result, detector))


def test_a_report_tells_everything(detector: Detector) -> None:
    found = page(TWO, detector)
    for words in ("FAKE", "The score is 0.82; FAKE begins at 0.50", "between 0.72 and 0.92"):
        assert words in found.words
    assert "Person 1 , who decides" in found.words or "Person 1, who decides" in found.words
    assert "No score: too few frames with a face." in found.words
    assert "frame 50, 2.0 s: 0.90" in found.words
    assert "does not prove that a bright place was manipulated" in found.words
    assert "not a proof" in found.words
    assert found.count("svg") == 1 + 3
    assert found.count("img") == 2 * (4 + 2 + 1)


def test_it_holds_all_it_needs_and_runs_nothing(detector: Detector) -> None:
    text = html_report(TWO, detector)
    sources = [attributes.get("src") or "" for tag, attributes in Page(text).tags if tag == "img"]
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    assert "default-src 'none'" in text
    assert "prefers-color-scheme: dark" in text
    assert not re.search(r"https?://|<script|<link|url\(|@import", text)


def test_an_undecided_file_has_its_reason_and_no_pictures(detector: Detector) -> None:
    found = page(NOBODY, detector)
    assert "No score: no face found." in found.words
    assert found.count("img") == found.count("svg") == 0


def test_a_single_image_has_no_timeline(detector: Detector) -> None:
    image = replace(TWO.video, fps=0.0, codec="", indices=(0,), frame_count=1)
    found = page(make_result("a.jpg", (make_face(0, {0: 0.7}, 0.7),), image), detector)
    assert found.count("svg") == 1
    assert "frames per second" not in found.words


def test_hostile_text_is_escaped(detector: Detector) -> None:
    evil = "<script>alert(1)</script>\"'&\udcff\x1b.mp4"
    for result in (replace(TWO, path=evil, note=evil), replace(NOBODY, path=evil, reason=evil)):
        text = html_report(result, detector)
        assert Page(text).count("script") == 0
        assert "&lt;script&gt;" in text
        text.encode()


def test_a_crowd_is_cut_short(detector: Detector) -> None:
    crowd = tuple(make_face(track, {0: 0.5}, 0.5) for track in range(MOST_PEOPLE + 3))
    found = page(make_result(faces=crowd), detector)
    assert f"{MOST_PEOPLE + 3}, 3 of them not shown" in found.words
    assert found.count("img") == 2 * MOST_PEOPLE


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
def test_names_of_reports(path: str, taken: set[str], name: str) -> None:
    assert report_name(path, taken) == name
