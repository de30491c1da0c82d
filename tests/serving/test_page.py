"""The page by Streamlit's own test runner: all that needs no browser."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

from deepfake.cli.app import app
from deepfake.serving import page_command
from deepfake.serving.page_command import (
    PAGE,
    VARIABLE,
    PageSettings,
    run_until_interrupted,
    streamlit_command,
)
from deepfake.serving.sample_clips import samples
from deepfake.serving.uploads import UploadLimits

SECONDS = 300  # for a run of the page, on a busy machine


@pytest.fixture
def page(
    random_model: Path, demo_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AppTest:
    """The page with a random model, in a folder with the demo's clips."""
    (tmp_path / "data/demo").mkdir(parents=True)
    (tmp_path / "data/demo/raw").symlink_to(demo_root)
    monkeypatch.chdir(tmp_path)
    settings = PageSettings(str(random_model), UploadLimits(megabytes=1))
    monkeypatch.setenv(VARIABLE, settings.to_text())
    st.cache_resource.clear()
    return AppTest.from_file(str(PAGE), default_timeout=SECONDS).run()


def words(page: AppTest) -> str:
    assert not page.exception
    return " ".join(one.value for one in page.html)


def give(page: AppTest, data: bytes, name: str, place: int = 0) -> AppTest:
    page.file_uploader[place].set_value((name, data, "video/mp4"))
    return page.run()


def test_it_invites_and_shows_the_model(page: AppTest) -> None:
    assert page.title[0].value == "Was a face swapped?"
    assert [tab.label for tab in page.tabs] == ["Check a file", "Compare two", "The model"]
    assert page.file_uploader[0].label == "Drop an image or a video, up to 1 MB and 10 minutes"
    assert "fixed here" in words(page)
    assert not page.slider, "the threshold cannot be moved"
    assert not page.number_input


def test_a_sample(page: AppTest) -> None:
    pills = page.button_group[0]
    assert pills.options == [one.title for one in samples()]
    pills.select("No face").run()
    assert "UNDECIDED" in words(page)
    assert "No score: no face found." in words(page)


def test_an_upload_with_its_downloads(page: AppTest, demo_root: Path) -> None:
    give(page, (demo_root / "real/orl01_1.mp4").read_bytes(), "<b>my clip</b>.mp4")
    text = words(page)
    assert "FAKE begins at 0.50" in text
    assert "Person 0" in text
    assert "<b>my" not in text
    assert len(page.get("download_button")) == 2


def test_a_broken_file(page: AppTest) -> None:
    give(page, b"this is no video", "broken.mp4")
    assert "neither an image nor a video" in words(page)
    assert "can be read" in words(page)


def test_a_file_that_is_too_large(page: AppTest) -> None:
    give(page, bytes(1_000_001), "large.mp4")
    assert page.status[0].label == "Not judged: more than 1 MB, which is the limit"
    assert not page.exception


def test_what_is_removed_is_forgotten(page: AppTest) -> None:
    give(page, b"text", "a.mp4")
    assert len(page.session_state["examined"]) == 1
    page.file_uploader[0].set_value(None)
    page.run()
    assert len(page.session_state["examined"]) == 0


def test_two_are_compared(page: AppTest, demo_root: Path) -> None:
    give(page, (demo_root / "real/orl01_1.mp4").read_bytes(), "a.mp4", 1)
    give(page, (demo_root / "real/orl02_1.mp4").read_bytes(), "b.mp4", 2)
    text = words(page)
    assert "frames with a face" in text
    assert "file scores" in text or "same score" in text


def test_without_a_model_the_remedy_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, PageSettings(str(tmp_path / "none")).to_text())
    st.cache_resource.clear()
    page = AppTest.from_file(str(PAGE), default_timeout=SECONDS).run()
    assert "run `dvc repro` or `dvc pull`" in page.error[0].value
    assert not page.exception


def test_settings_come_through() -> None:
    settings = PageSettings("folder", UploadLimits(megabytes=7, minutes=0.5))
    assert PageSettings.from_environment({VARIABLE: settings.to_text()}) == settings
    assert PageSettings.from_environment({}) == PageSettings()
    assert json.loads(settings.to_text())["limits"]["megabytes"] == 7


def test_the_command_keeps_it_private() -> None:
    command = streamlit_command(UploadLimits(megabytes=7), "127.0.0.1", 8501)
    for option in (
        "--browser.gatherUsageStats=false",
        "--client.showErrorDetails=none",
        "--server.address=127.0.0.1",
        "--server.maxUploadSize=7",
        "--server.enableXsrfProtection=true",
    ):
        assert option in command


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_server_that_does_not_end_is_killed(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_command, "ENDING_SECONDS", 0.2)
    ready, before = tmp_path / "ready", signal.getsignal(signal.SIGTERM)
    stubborn = (
        "import os, pathlib, signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "pathlib.Path(sys.argv[1]).write_text(str(os.getpid())); time.sleep(300)"
    )

    def interrupt() -> None:
        while not (ready.is_file() and ready.read_text()):
            threading.Event().wait(0.05)
        os.kill(os.getpid(), number)

    threading.Thread(target=interrupt).start()
    assert run_until_interrupted([sys.executable, "-c", stubborn, str(ready)], os.environ) == 0
    with pytest.raises(ProcessLookupError):
        os.kill(int(ready.read_text()), 0)
    assert signal.getsignal(signal.SIGTERM) == before


def test_the_server_s_exit_code_is_given() -> None:
    command = [sys.executable, "-c", "raise SystemExit(3)"]
    assert run_until_interrupted(command, os.environ) == 3


def test_the_page_needs_the_model_itself() -> None:
    result = CliRunner().invoke(app, ["app", "--model", "models/model.onnx"])
    assert result.exit_code == 1
    assert "heat maps" in result.stderr


def test_only_the_page_itself_needs_the_memory_of_torch() -> None:
    """Neither the process that starts it, nor the one that decodes and asks for the length."""
    program = (
        "import sys, deepfake.cli.app, deepfake.serving.page_command, deepfake.serving.uploads,"
        " deepfake.predict.inputs, deepfake.predict.preprocess; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
