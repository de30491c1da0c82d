"""The page in a real browser.

Screenshots go to .scratch/screenshots, or to the folder that DEEPFAKE_SCREENSHOTS names.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import av
import numpy as np
import pytest
from hosting import answers, free_port, wait_until
from PIL import Image as Pil
from PIL import ImageChops

from deepfake.core.image import Image
from deepfake.model.card import ModelCard
from deepfake.model.network import load_model
from deepfake.predict.detector import Detector
from deepfake.predict.palette import SMALLEST_TEXT
from deepfake.predict.report import html_report
from deepfake.serving.page_command import SHUTDOWN_SECONDS
from deepfake.serving.uploads import FOLDER_PREFIX

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PATIENCE = 120_000  # milliseconds, on a busy machine
SLACK = 60  # more seconds to stop, on a busy machine; far less than the file would take
DESKTOP, TALL, PHONE = (1280, 900), (1280, 2600), (390, 844)
SWAP = "fake/poisson/astronaut_pexels_1.mp4"
COLOURS = 256  # of a screenshot, so that it is small enough for docs/pictures
RESTING = "[data-testid=stApp][data-test-script-state=notRunning]"
MARGIN = 30  # pixels below the content
MAX_TABS = 20  # presses of the Tab key
STREAMLIT_RULES = {
    "presentation-role-conflict": "the place to drop files has a role and a label",
}
MAX_SHIFT = 0.1  # "good" by web.dev's Core Web Vitals
WATCH_SHIFTS = """
window.shift = 0;
new PerformanceObserver(list => {
  for (const one of list.getEntries()) if (!one.hadRecentInput) window.shift += one.value;
}).observe({type: 'layout-shift', buffered: true});
"""
IS_OURS = "one => Boolean(one.closest('.deepfake') || !document.querySelector('.stApp'))"
FOCUSED = "document.activeElement.ariaLabel || document.activeElement.innerText || ''"
SMALL_TEXT = """smallest => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
  while (walker.nextNode()) {
    const text = walker.currentNode.data.trim(), parent = walker.currentNode.parentElement;
    const size = parseFloat(getComputedStyle(parent).fontSize);
    const range = document.createRange();
    range.selectNode(walker.currentNode);
    const isSeen = parent.checkVisibility() && range.getBoundingClientRect().width > 1;
    if (text && isSeen && size < smallest) found.push([text, size]);
  }
  return found;
}"""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no browser: apt-get install chromium"),
]


@dataclass(frozen=True)
class Running:
    """`deepfake app`."""

    process: subprocess.Popen[bytes]
    address: str


@contextmanager
def running_page(folder: Path, *more_options: str) -> Iterator[Running]:
    """The page in a checkout with a model of the demo, which is never the default."""
    port = free_port()
    command = [sys.executable, "-c", "from deepfake.cli.app import app; app()", "app"]
    options = ["--model", "models", "--port", str(port), "--megabytes", "20", *more_options]
    process = subprocess.Popen([*command, *options], cwd=folder)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: answers(f"{address}/_stcore/health"))
        yield Running(process, address)
    finally:
        process.terminate()
        process.wait(60)


@pytest.fixture(scope="module")
def address(trained: Path) -> Iterator[str]:
    """The address of a page with the model and clips of the demo."""
    with running_page(trained) as running:
        yield running.address


@pytest.fixture(scope="module")
def card(trained: Path) -> ModelCard:
    """The card of the model on the page."""
    return load_model(trained / "models")[1]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A browser."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="no playwright: pip install it")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Any, address: str) -> Iterator[Any]:
    """A function that opens the page; fails if the page sends requests to other servers."""
    contexts, requested = [], []

    def visiting(size: tuple[int, int] = DESKTOP, scheme: str = "light") -> Any:
        width, height = size
        context = chromium.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme
        )
        contexts.append(context)
        context.add_init_script(WATCH_SHIFTS)
        page = context.new_page()
        page.on("request", lambda request: requested.append(request.url))
        open_page(page, address)
        return page

    yield visiting
    for context in contexts:
        context.close()
    own = (address, address.replace("http", "ws"), "data:", "blob:")
    assert [url for url in requested if not url.startswith(own)] == []


def open_page(page: Any, address: str) -> None:
    page.set_default_timeout(PATIENCE)
    page.goto(address)
    page.get_by_test_id("stFileUploaderDropzoneInput").first.wait_for(state="attached")


@pytest.fixture
def shoot(repository: Path) -> Any:
    """A function that saves a screenshot of the whole page."""
    folder = Path(os.environ.get("DEEPFAKE_SCREENSHOTS", repository / ".scratch/screenshots"))

    def shooting(page: Any, name: str, resting: bool = True) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        if resting:
            page.locator(RESTING).wait_for()
        height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
        page.set_viewport_size({"width": page.viewport_size["width"], "height": height})
        page.wait_for_timeout(1000)  # until animations have ended
        keep(page, folder / f"page_{name}.png")

    return shooting


def keep(page: Any, path: Path) -> None:
    """Save a screenshot in few colours, without the empty space below."""
    page.screenshot(path=str(path))
    with Pil.open(path) as picture:
        whole = picture.convert("RGB")
    empty = Pil.new("RGB", whole.size, whole.getpixel((0, whole.height - 1)))
    used = ImageChops.difference(whole, empty).getbbox() or (0, 0, *whole.size)
    cut = whole.crop((0, 0, whole.width, min(whole.height, used[3] + MARGIN)))
    cut.quantize(COLOURS, Pil.Quantize.FASTOCTREE).save(path, optimize=True)


def upload(page: Any, path: Path, place: int = 0) -> None:
    page.get_by_test_id("stFileUploaderDropzoneInput").nth(place).set_input_files(str(path))


def read(page: Any, words: str) -> str:
    """The text of the page, once it contains `words`."""
    page.get_by_text(words).first.wait_for()
    return re.sub(r"\s+", " ", page.inner_text("body"))


def verdict(page: Any) -> str:
    return str(page.locator(".label strong").first.inner_text())


def frames_of(path: Path) -> list[Image]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def write_video(path: Path, frames: list[Image]) -> Path:
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=15, options={"crf": "18", "threads": "1"})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for image in frames:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        output.mux(stream.encode())
    return path


@pytest.fixture(scope="module")
def two_people(demo_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real face on the left, a swapped one on the right."""
    left, right = (frames_of(demo_root / name) for name in ("real/astronaut_1.mp4", SWAP))
    both = [np.hstack(pair) for pair in zip(left, right, strict=True)]
    return write_video(tmp_path_factory.mktemp("clips") / "two_people.mp4", both)


def test_the_empty_page(visit: Any, shoot: Any) -> None:
    page = visit()
    text = read(page, "sent nowhere")
    page.get_by_text("A face swap", exact=True).first.wait_for()
    shoot(page, "start")
    assert "Drop images or videos, up to 20 MB and 10 minutes" in text
    assert "Files are analysed on this machine, sent nowhere, and deleted afterwards." in text


def test_a_real_image(visit: Any, shoot: Any, demo_root: Path, card: ModelCard) -> None:
    page = visit()
    upload(page, demo_root.parent / "downloads/astronaut/astronaut.png")
    text = read(page, "Save the report")
    shoot(page, "image")
    assert "astronaut.png" in text
    assert verdict(page) == "REAL"
    assert re.search(
        rf"The score \(not calibrated\) is 0\.\d\d\. Scores of {card.threshold:.2f} or more are FAKE",
        text,
    )
    assert "A face was found in 1 of 1 analysed frames" in text
    assert "too few frames for a score range" in text
    assert page.get_by_alt_text("the same face with its heat map").count() == 1
    assert page.locator(".timeline").count() == 0, "an image has no timeline"


def test_a_real_video(visit: Any, shoot: Any, demo_root: Path, card: ModelCard) -> None:
    page = visit()
    upload(page, demo_root / "real/astronaut_1.mp4")
    text = read(page, "Save the report")
    score = float(re.search(r"The score \(not calibrated\) is (0\.\d\d)", text)[1])  # type: ignore[index]
    assert verdict(page) == "REAL"
    assert score < card.threshold
    gauge = page.get_by_alt_text(f"score {score:.2f}, threshold {card.threshold:.2f}")
    assert gauge.bounding_box()["height"] > 30
    broken = (
        "[...document.querySelectorAll('.deepfake img')].filter(one => !one.naturalWidth).length"
    )
    assert page.evaluate(broken) == 0, "every image is loaded"
    dot = page.locator(".dot").nth(2)
    shown = dot.locator(".shown")
    assert not shown.is_visible()
    dot.scroll_into_view_if_needed()
    dot.hover()
    shown.wait_for()
    assert re.fullmatch(r"frame \d+, \d\.\d s: 0\.\d\d", shown.inner_text().strip())
    shoot(page, "real")


def test_a_fake(visit: Any, shoot: Any, demo_root: Path, card: ModelCard, tmp_path: Path) -> None:
    page = visit(TALL)  # so that everything is seen that may move
    upload(page, demo_root / SWAP)
    read(page, "Save the report")
    page.locator(RESTING).wait_for()
    assert 0 < page.evaluate("shift") < MAX_SHIFT
    shoot(page, "fake")
    assert verdict(page) == "FAKE"
    with page.expect_download() as download:
        page.get_by_text("Save as JSON").first.click()
    download.value.save_as(tmp_path / "a.json")
    record = json.loads((tmp_path / "a.json").read_text())
    assert record["verdict"] == "FAKE"
    assert record["score"] >= record["threshold"] == card.threshold
    assert len(record["faces"][0]["scores"]) > 1
    with page.expect_download() as download:
        page.get_by_text("Save the report").first.click()
    assert download.value.suggested_filename == "astronaut_pexels_1.mp4.html"
    download.value.save_as(tmp_path / "a.html")
    assert "Content-Security-Policy" in (tmp_path / "a.html").read_text()


def test_two_people(visit: Any, shoot: Any, two_people: Path) -> None:
    page = visit()
    upload(page, two_people)
    text = read(page, "Save the report")
    shoot(page, "two_people")
    assert verdict(page) == "FAKE", "one swapped face makes a video FAKE"
    assert "Person 1" in text
    assert "Person 2" in text
    assert text.count("(decides the verdict)") == 1
    assert "(decides the verdict)" in page.locator(".person").first.inner_text()
    first, second = (page.locator(".person").nth(place).bounding_box() for place in (0, 1))
    assert first["y"] == second["y"]
    assert first["x"] < second["x"], "side by side"


def test_progress(visit: Any, shoot: Any, two_people: Path) -> None:
    page = visit()
    upload(page, two_people)
    read(page, "Detecting and scoring faces")
    shoot(page, "progress", resting=False)
    assert "Person 1" in read(page, "Save the report")
    assert page.get_by_text("Detecting and scoring faces").count() == 0, (
        "the progress message is gone"
    )


def test_no_face(visit: Any, shoot: Any, demo_root: Path) -> None:
    page = visit()
    upload(page, demo_root / "real/pyfeat_3.mp4")
    text = read(page, "Save the report")
    shoot(page, "no_face")
    assert "UNDECIDED" in text
    assert "No score: no face found." in text
    assert "The model analyses faces only." in text


def test_a_broken_file(visit: Any, shoot: Any, tmp_path: Path) -> None:
    (tmp_path / "broken.mp4").write_text("not a video")
    page = visit()
    upload(page, tmp_path / "broken.mp4")
    text = read(page, "Save the report")
    shoot(page, "unreadable")
    assert "UNDECIDED" in text
    assert "No score: neither an image nor a video." in text
    assert "Supported files" in text
    assert "Traceback" not in text


def test_a_file_that_is_too_large(visit: Any, shoot: Any, tmp_path: Path) -> None:
    (tmp_path / "large.mp4").write_bytes(bytes(21 * 2**20))
    page = visit()
    upload(page, tmp_path / "large.mp4")
    page.get_by_text("large.mp4").first.hover()
    text = read(page, "must be 20.0MB or smaller")
    shoot(page, "too_large")
    assert "UNDECIDED" not in text


def test_a_sample_clip_on_a_phone_in_dark_mode(visit: Any, shoot: Any) -> None:
    page = visit(PHONE, "dark")
    page.get_by_text("A face swap", exact=True).filter(visible=True).first.click()
    read(page, "Save the report")
    page.locator(RESTING).wait_for()
    assert 0 < page.evaluate("shift") < MAX_SHIFT
    shoot(page, "phone")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    assert page.locator(".person").first.bounding_box()["width"] <= PHONE[0]
    ink = page.evaluate("getComputedStyle(document.querySelector('.deepfake')).color")
    assert min(map(int, re.findall(r"\d+", ink)[:3])) > 200, "light text on a dark background"


def test_several_files_are_found_again_after_a_reload(
    visit: Any, shoot: Any, demo_root: Path, tmp_path: Path
) -> None:
    (tmp_path / "broken.mp4").write_text("not a video")
    page = visit(PHONE, "dark")
    files = [demo_root / SWAP, demo_root / "real/pyfeat_3.mp4", tmp_path / "broken.mp4"]
    uploader = page.get_by_test_id("stFileUploaderDropzoneInput").first
    uploader.set_input_files([str(one) for one in files])
    read(page, "Save all reports")
    page.reload()
    lost = "From before the connection was lost: astronaut_pexels_1.mp4, pyfeat_3.mp4, broken.mp4"
    text = read(page, "From before the connection was lost")
    assert lost in text
    assert "files finished" not in text, "their results are there, too"
    read(page, "Save all reports")
    shoot(page, "files")
    other = visit()
    other.goto(page.url)
    assert "From before" not in read(other, "sent nowhere"), "another browser has no access"


def test_two_files_are_compared(visit: Any, shoot: Any, demo_root: Path) -> None:
    page = visit()
    page.get_by_role("tab", name="Compare").click()
    upload(page, demo_root / "real/astronaut_1.mp4", 1)
    page.get_by_text("Seen in").first.wait_for()
    upload(page, demo_root / SWAP, 2)
    read(page, "frames with a face")
    text = read(page, "The second file scores")
    shoot(page, "comparison")
    assert "astronaut_pexels_1.mp4" in text
    assert "Comparison" in text


def test_the_model(visit: Any, shoot: Any, card: ModelCard) -> None:
    page = visit()
    page.get_by_role("tab", name="The model").click()
    text = read(page, "Out of scope")
    shoot(page, "model")
    assert f"Scores of {card.threshold:.2f} or more are FAKE." in text
    assert "chosen on validation videos and fixed" in text


@pytest.mark.parametrize(("size", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")])
def test_accessibility(visit: Any, demo_root: Path, size: tuple[int, int], scheme: str) -> None:
    page = visit(size, scheme)
    read(page, "sent nowhere")
    page.locator(RESTING).wait_for()
    check_accessibility(page)
    assert focused(page, ["Operating point", "Check files", "Upload"])
    upload(page, demo_root / SWAP)
    read(page, "Save the report")
    page.locator(RESTING).wait_for()
    check_accessibility(page)
    tree = page.locator("body").aria_snapshot()
    headings = re.findall(r'heading "(.+?)" \[level=(\d)\]', tree)
    assert headings[0] == ("Was a face swapped?", "1")
    assert ("Person 1", "2") in headings
    assert 'tab "Check files" [selected]' in tree
    assert re.search(r'img "score 0\.\d\d, threshold 0\.\d\d"', tree)
    for tab, words in (("Compare", "Drop the second file"), ("The model", "Out of scope")):
        page.get_by_role("tab", name=tab).click()
        page.get_by_text(words).first.wait_for()
        check_accessibility(page)


def check_accessibility(page: Any) -> None:
    """No violation of axe in our markup, only known ones in Streamlit's, and no small text."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    found = axe.Axe().run(page).response["violations"]
    nodes = [(one["id"], node["target"][0], node["html"]) for one in found for node in one["nodes"]]
    ours = [node for node in nodes if page.locator(node[1]).first.evaluate(IS_OURS)]
    assert ours == []
    assert {rule for rule, _, _ in nodes} <= STREAMLIT_RULES.keys()
    assert page.evaluate(SMALL_TEXT, SMALLEST_TEXT) == []


def focused(page: Any, names: list[str]) -> bool:
    """Whether the Tab key reaches elements with these names, in this order."""
    left = iter(names)
    wanted = next(left)
    for _ in range(MAX_TABS):
        page.keyboard.press("Tab")
        name = page.evaluate(FOCUSED)
        if wanted in name:
            wanted = next(left, "")
            if not wanted:
                return True
    return False


def test_a_report_on_screen_and_on_paper(
    chromium: Any, trained: Path, demo_root: Path, tmp_path: Path
) -> None:
    with Detector.load(trained / "models") as detector:
        text = html_report(detector.predict(demo_root / SWAP), detector)
    path = tmp_path / "report.html"
    path.write_text(text)
    for size, scheme in ((DESKTOP, "light"), (PHONE, "dark")):
        width, height = size
        viewport = {"width": width, "height": height}
        # The Content-Security-Policy of the report would not let axe run.
        with chromium.new_context(
            viewport=viewport, color_scheme=scheme, bypass_csp=True
        ) as context:
            page = context.new_page()
            page.goto(path.as_uri())
            check_accessibility(page)
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            page.emulate_media(media="print", color_scheme=scheme)
            colours = page.evaluate(
                "[...document.querySelectorAll('section')].map(e => getComputedStyle(e).color)"
            )
            assert max(int(part) for one in colours for part in re.findall(r"\d+", one)) < 100, (
                "dark text on paper, in dark mode too"
            )
            assert page.pdf(prefer_css_page_size=True).startswith(b"%PDF")


def kept_bytes(address: str) -> int:
    """The uploads, pictures and downloads that Streamlit holds for all sessions."""
    metrics = urlopen(f"{address}/_stcore/metrics").read().decode()
    held = r'^cache_memory_bytes{cache_type="(?:UploadedFileManager|st_memory_media.*?)".*} (\d+)$'
    return sum(map(int, re.findall(held, metrics, re.MULTILINE)))


def test_a_closed_page_leaves_nothing_and_an_interrupt_stops_an_open_one(
    trained: Path, chromium: Any, two_people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    monkeypatch.setenv("TMPDIR", str(uploads))
    (tmp_path / "broken.mp4").write_text("not a video")
    with (
        running_page(trained, "--keep-minutes", "0.01") as running,
        chromium.new_context() as context,
    ):
        closed = context.new_page()
        open_page(closed, running.address)
        upload(closed, tmp_path / "broken.mp4")
        read(closed, "Save the report")
        assert kept_bytes(running.address) > 0
        closed.close()
        wait_until(lambda: kept_bytes(running.address) == 0)
        page = context.new_page()
        open_page(page, running.address)
        upload(page, two_people)
        read(page, "Detecting and scoring faces")
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(SHUTDOWN_SECONDS + SLACK) == 0
        assert list(uploads.glob(f"{FOLDER_PREFIX}*")) == []
        with pytest.raises(URLError):
            urlopen(running.address)
