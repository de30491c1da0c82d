"""The page in Streamlit's test runner, without a browser."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import streamlit as st
from hosting import answers, free_port, wait_until
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

from deepfake.cli.app import app
from deepfake.core.labels import FAKE
from deepfake.serving import page_command
from deepfake.serving.address import AddressError, FetchedFile, FetchRules
from deepfake.serving.page import file_input, this_visit
from deepfake.serving.page.this_visit import TOKEN
from deepfake.serving.page.visits import Visit, shared_memory
from deepfake.serving.page_command import (
    PAGE,
    SETTINGS_VARIABLE,
    PageSettings,
    run_until_interrupted,
    streamlit_command,
)
from deepfake.serving.sample_clips import existing_clips
from deepfake.serving.uploads import FOLDER_PREFIX, UploadLimits

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
    monkeypatch.setenv(SETTINGS_VARIABLE, settings.to_text())
    monkeypatch.setattr(this_visit, "_cookies", dict)
    monkeypatch.setattr(this_visit, "_session", lambda: "first")
    st.cache_resource.clear()
    return AppTest.from_file(str(PAGE), default_timeout=SECONDS).run()


def text_of(page: AppTest) -> str:
    assert not page.exception
    return " ".join(one.value for one in page.html)


def visit_of(page: AppTest) -> Visit:
    """The visit that the address of the page names."""
    memory = shared_memory(PageSettings().total_megabytes, PageSettings().keep_minutes)
    return memory.visit(page.query_params[TOKEN], "", this_visit._session())


def upload(page: AppTest, data: bytes, name: str, place: int = 0) -> AppTest:
    page.file_uploader[place].set_value((name, data, "video/mp4"))
    return page.run()


def test_the_empty_page_and_the_model(page: AppTest) -> None:
    assert page.title[0].value == "Was a face swapped?"
    assert [tab.label for tab in page.tabs] == ["Check files", "Compare", "The model"]
    assert page.file_uploader[0].label == "Drop images or videos, up to 1 MB and 10 minutes"
    assert "chosen on validation videos and fixed" in text_of(page)
    assert text_of(page).count("operating point balanced: the model has no cautious") == 1
    assert "trained on demo" in text_of(page)
    assert page.selectbox(key="point").options == ["balanced"], "the model has no other"
    assert not page.slider, "the threshold cannot be moved"
    assert not page.number_input


def test_a_sample_clip(page: AppTest) -> None:
    pills = page.button_group[0]
    assert pills.options == [one.title for one in existing_clips()]
    pills.select("No face").run()
    assert "UNDECIDED" in text_of(page)
    assert "No score: no face found." in text_of(page)


@pytest.mark.slow
def test_an_upload_and_its_downloads(page: AppTest, demo_root: Path) -> None:
    upload(page, (demo_root / "real/orl01_1.mp4").read_bytes(), "<b>my clip</b>.mp4")
    text = text_of(page)
    assert "Scores of 0.50 or more are FAKE" in text
    assert "Person 1" in text
    assert "<b>my" not in text
    assert len(page.get("download_button")) == 3, "JSON, the report, and the model card"
    assert len(page.get("video")) == 1
    assert len(page.get("vega_lite_chart")) == 1


def test_a_broken_file(page: AppTest) -> None:
    upload(page, b"not a video", "broken.mp4")
    assert "neither an image nor a video" in text_of(page)
    assert "Supported files" in text_of(page)


def test_a_file_that_is_too_large(page: AppTest) -> None:
    upload(page, bytes(1_000_001), "large.mp4")
    assert page.status[0].label == "Not analysed: larger than the limit of 1 MB"
    assert not page.exception


def test_a_removed_file_is_forgotten(page: AppTest) -> None:
    upload(page, b"text", "a.mp4")
    visit = visit_of(page)
    assert len(visit.analyses) == len(visit.files) == 1
    page.file_uploader[0].set_value(None)
    page.run()
    assert not visit.analyses
    assert not visit.files


def test_a_reloaded_page_finds_files_and_results_in_the_same_browser_only(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    cookies: dict[str, str] = {this_visit.COOKIE: "one"}
    monkeypatch.setattr(this_visit, "_cookies", lambda: cookies)
    page.query_params.clear()
    upload(page, b"text", "a.mp4")
    (analysis,) = visit_of(page).analyses.values()

    monkeypatch.setattr(this_visit, "_session", lambda: "second")
    reloaded = AppTest.from_file(str(PAGE), default_timeout=SECONDS)
    reloaded.query_params[TOKEN] = page.query_params[TOKEN]
    reloaded.run()
    assert "From before the connection was lost: a.mp4" in [one.value for one in reloaded.text]
    assert "neither an image nor a video" in text_of(reloaded)
    assert list(visit_of(reloaded).analyses.values()) == [analysis], "not analysed again"

    monkeypatch.setattr(this_visit, "_session", lambda: "third")
    for other in ({this_visit.COOKIE: "two"}, {}):
        cookies = other
        elsewhere = AppTest.from_file(str(PAGE), default_timeout=SECONDS)
        elsewhere.query_params[TOKEN] = page.query_params[TOKEN]
        elsewhere.run()
        assert elsewhere.query_params[TOKEN] != page.query_params[TOKEN]
        assert not visit_of(elsewhere).files

    click(reloaded, "Remove")
    assert not visit_of(reloaded).files
    assert "neither an image nor a video" not in text_of(reloaded)


@pytest.mark.slow
def test_two_files_are_compared(page: AppTest, demo_root: Path) -> None:
    upload(page, (demo_root / "real/orl01_1.mp4").read_bytes(), "a.mp4", 1)
    upload(page, (demo_root / "real/orl02_1.mp4").read_bytes(), "b.mp4", 2)
    text = text_of(page)
    assert "frames with a face" in text
    assert "file scores" in text or "same score" in text


def test_a_missing_model_is_an_error_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SETTINGS_VARIABLE, PageSettings(str(tmp_path / "none")).to_text())
    st.cache_resource.clear()
    page = AppTest.from_file(str(PAGE), default_timeout=SECONDS).run()
    assert "run `dvc repro` or `dvc pull`" in page.error[0].value
    assert not page.exception


def test_settings_pass_through_the_environment() -> None:
    settings = PageSettings("folder", UploadLimits(megabytes=7, minutes=0.5), "strict")
    assert PageSettings.from_environment({SETTINGS_VARIABLE: settings.to_text()}) == settings
    assert PageSettings.from_environment({}) == PageSettings()
    assert json.loads(settings.to_text())["limits"]["megabytes"] == 7


def test_the_command_protects_privacy() -> None:
    command = streamlit_command(PageSettings(limits=UploadLimits(megabytes=7)), "127.0.0.1", 8501)
    assert (
        json.loads(command[-1]).items()
        >= {
            "browser.gatherUsageStats": False,
            "client.showErrorDetails": "none",
            "server.address": "127.0.0.1",
            "server.maxUploadSize": 7,
            "server.disconnectedSessionTTL": 900,
            "server.enableXsrfProtection": True,
        }.items()
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_server_that_does_not_stop_is_killed(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_command, "SHUTDOWN_SECONDS", 0.2)
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


@pytest.mark.slow
def test_the_server_ends_with_a_killed_command(tmp_path: Path) -> None:
    """After `kill -9` of `deepfake app`, nothing serves or keeps an upload."""
    address = f"http://127.0.0.1:{(port := free_port())}"
    command = subprocess.Popen(
        [sys.executable, "-m", "deepfake", "app", "--port", str(port)],
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    wait_until(lambda: answers(f"{address}/_stcore/health"))
    (server,) = children(command.pid)
    (tmp_path / f"{FOLDER_PREFIX}{server}-a").mkdir()
    try:
        command.kill()
        command.wait()
        killed = time.monotonic()
        wait_until(lambda: not answers(f"{address}/_stcore/health"))
        assert time.monotonic() - killed < 10
        assert not list(tmp_path.glob(f"{FOLDER_PREFIX}*"))
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server, signal.SIGKILL)


def children(process: int) -> list[int]:
    """Ids of the processes that a process has started."""
    table = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True).stdout
    pairs = [line.split() for line in table.splitlines()]
    return [int(child) for child, parent in pairs if int(parent) == process]


def test_the_exit_code_is_that_of_the_server() -> None:
    command = [sys.executable, "-c", "raise SystemExit(3)"]
    assert run_until_interrupted(command, os.environ) == 3


def test_an_onnx_model_is_an_error() -> None:
    result = CliRunner().invoke(app, ["app", "--model", "models/model.onnx"])
    assert result.exit_code == 1
    assert "heat maps" in result.stderr


def test_only_the_page_loads_torch() -> None:
    """The process that starts the page and the one that decodes do not, which saves memory."""
    program = (
        "import sys, deepfake.cli.app, deepfake.serving.page_command, deepfake.serving.uploads,"
        " deepfake.predict.inputs, deepfake.predict.preprocess; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


@pytest.mark.slow
def test_several_files_and_an_address(
    page: AppTest, demo_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table of all, one opened by its row; the address is off unless the settings allow it."""
    assert not page.text_input, "no address"
    settings = PageSettings.from_environment(os.environ)
    allowed = replace(settings, addresses=True, feedback=True)
    monkeypatch.setattr(file_input, "fetch", fetch_clip)
    monkeypatch.setenv(SETTINGS_VARIABLE, allowed.to_text())
    page.run()
    page.text_input[0].set_value("http://10.0.0.1/")
    click(page, "Fetch")
    assert page.error[0].value == "Not fetched: not public"
    page.text_input[0].set_value("https://clips.example/broken.mp4")
    click(page, "Fetch")
    assert "neither an image nor a video" in text_of(page)
    assert not page.dataframe, "one file needs no table"

    clip = ("clip.mp4", (demo_root / "real/orl01_1.mp4").read_bytes(), "video/mp4")
    page.file_uploader[0].set_value([clip])
    page.run()
    files = visit_of(page).file_list
    assert files
    wait_until(lambda: all(one.analysis for one in files.files()))
    page.run()
    table = page.dataframe[0].value
    assert table["File"].tolist() == ["clip.mp4", "broken.mp4"]
    assert table["Verdict"][1] == "UNDECIDED"
    titles = {one.label for one in page.get("download_button")}
    assert titles >= {"Save all as CSV", "Save all as JSON lines", "Save all reports"}
    page.session_state["file-list-opened"] = files.files()[0].file.key
    click(page, "Remove")
    assert "Person 1" in text_of(page), "the analysis of the one file that is left"


def fetch_clip(url: str, rules: FetchRules) -> FetchedFile:
    assert rules.max_bytes == 1_000_000
    if "10.0.0.1" in url:
        raise AddressError("not public")
    return FetchedFile("broken.mp4", io.BytesIO(b"text"))


def click(page: AppTest, label: str) -> None:
    next(one for one in page.button if one.label == label).click()
    page.run()


def choose(page: AppTest, question: str, answer: int) -> None:
    next(one for one in page.radio if one.label == question).set_value(answer)


def test_feedback_is_saved_with_consent(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    upload(page, b"text", "a.mp4")
    question = "What is it really?"
    assert question not in {one.label for one in page.radio}, "off unless the settings allow it"
    settings = replace(PageSettings.from_environment(os.environ), feedback=True)
    monkeypatch.setenv(SETTINGS_VARIABLE, settings.to_text())
    page.run()
    click(page, "Save")
    assert page.error[0].value == "Choose what the file really is."
    choose(page, question, FAKE)
    click(page, "Save")
    assert page.success[0].value == "Saved, without a copy of the file."
    (row,) = csv.DictReader(Path("data/feedback/feedback.csv").read_text().splitlines())
    assert (row["label"], row["verdict"], row["file_name"]) == ("FAKE", "UNDECIDED", "a.mp4")
    choose(page, question, FAKE)
    page.checkbox[0].check()
    click(page, "Save")
    assert "neither an image nor a video" in page.error[0].value
    assert not list(Path("data/feedback").glob("files/*"))


@pytest.mark.parametrize(
    ("address", "options", "addresses", "feedback"),
    [
        ("127.0.0.1", [], True, True),
        ("localhost", ["--no-fetch", "--no-feedback"], False, False),
        ("::1", [], True, True),
        ("0.0.0.0", [], False, False),
        ("", [], False, False),
        ("192.168.1.2", ["--fetch", "--feedback"], True, False),
    ],
)
def test_addresses_and_feedback_are_off_beyond_this_machine(
    address: str,
    options: list[str],
    addresses: bool,
    feedback: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    served: list[PageSettings] = []
    monkeypatch.setattr(page_command, "serve_page", lambda settings, *_: served.append(settings))
    CliRunner().invoke(app, ["app", "--address", address, *options])
    assert [(one.addresses, one.feedback) for one in served] == [(addresses, feedback)]
