"""`deepfake serve` over real sockets."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from hosting import Client, answers, free_port, hosted, wait_until
from typer.testing import CliRunner

from deepfake import Detector
from deepfake.cli.app import app
from deepfake.model.operating_points import OPERATING_POINTS
from deepfake.serving.service import Service
from deepfake.serving.uploads import UploadLimits

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def client(detector: Detector) -> Iterator[Client]:
    with hosted(Service(detector, UploadLimits(megabytes=2))) as found:
        yield found


def test_the_json_is_that_of_the_command(
    client: Client, demo_root: Path, random_model: Path
) -> None:
    path = demo_root / "real/orl01_1.mp4"
    for options, query in (([], ""), (["--frames"], "?frames=true")):
        answer = client.send(path.read_bytes(), path.name, f"/predict{query}")
        command = ["predict", str(path), "--model", str(random_model), "--json", *options]
        expected = json.loads(CliRunner().invoke(app, command).stdout)
        assert answer.status_code == 200
        assert answer.json() == {**expected, "path": path.name}


def test_an_undecided_file_has_status_200(client: Client) -> None:
    answer = client.send(b"not a video")
    assert answer.status_code == 200
    assert answer.json()["verdict"] == "UNDECIDED"
    assert answer.json()["reason"] == "neither an image nor a video"


def test_a_request_without_a_file_is_an_error(client: Client) -> None:
    assert requests.post(client.url("/predict"), timeout=60).status_code == 422
    assert client.get("/predict").status_code == 405


def test_health(client: Client, detector: Detector) -> None:
    answer = client.get("/health").json()
    assert answer["status"] == "ok"
    assert answer["in_line"] == 0
    assert answer["operating_point"] == "balanced"
    assert answer["threshold"] == answer["real_below"] == detector.card.threshold


def test_a_request_may_name_an_operating_point(client: Client, demo_root: Path) -> None:
    data = (demo_root / "real/orl01_1.mp4").read_bytes()
    answer = client.send(data, "a.mp4", "/predict?operating_point=balanced")
    assert (answer.status_code, answer.json()["operating_point"]) == (200, "balanced")
    missing = client.send(data, "a.mp4", "/predict?operating_point=strict")
    assert missing.status_code == 400
    assert "the model has no operating point strict (the model was not" in missing.json()["detail"]
    assert client.send(data, "a.mp4", "/predict?operating_point=bold").status_code == 422


def test_the_api_is_documented_without_scripts(client: Client) -> None:
    document = client.get("/openapi.json").json()
    assert set(document["paths"]) == {"/predict", "/health"}
    parameters = document["paths"]["/predict"]["post"]["parameters"]
    (point,) = [one for one in parameters if one["name"] == "operating_point"]
    assert "Default: balanced." in point["description"]
    assert [*OPERATING_POINTS] == point["schema"]["anyOf"][0]["enum"]
    assert {"200", "400", "413", "503"} <= set(document["paths"]["/predict"]["post"]["responses"])
    for path in ("/", "/docs"):
        answer = client.get(path)
        assert "POST /predict" in answer.text
        assert "Predict a file" in answer.text
        assert "<script" not in answer.text
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_several_files_in_a_form_are_refused(client: Client, demo_root: Path) -> None:
    data = (demo_root / "real/orl01_1.mp4").read_bytes()
    parts = [("file", (name, data)) for name in ("a.mp4", "b.mp4")]
    answer = requests.post(client.url("/predict"), files=parts, timeout=60)
    assert answer.status_code == 422
    assert "at most 1 item" in answer.text
    assert requests.post(client.url("/predict"), timeout=60).status_code == 422


HANGING = """
import signal
from tests.jobs import test_pool
from deepfake.serving import service
from deepfake.cli.app import app

signal.signal(signal.SIGINT, signal.default_int_handler)
service.refusal_reason = lambda path: path.write_text("hang") and ""
service.kind_by_content = lambda head: "video"
service.claimed_seconds = test_pool.shout
app()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_server_stops_while_a_file_hangs(
    number: signal.Signals, random_model: Path, tmp_path: Path
) -> None:
    client = Client(free_port())
    command = ["serve", "--model", str(random_model), "--port", str(client.port)]
    tests = Path(__file__).parents[1]
    paths = os.pathsep.join([str(tests), str(tests.parent)])
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": paths}
    server = subprocess.Popen(
        [sys.executable, "-c", HANGING, *command],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    with ThreadPoolExecutor() as pool:
        wait_until(lambda: answers(client.url("/health")))
        answer = pool.submit(client.send, b"x")
        wait_until(lambda: client.get("/health").json()["in_line"] == 1)
        server.send_signal(number)
        assert answer.result().status_code == 503
    errors = server.communicate(timeout=60)[1]
    assert server.returncode == 0
    assert "Traceback" not in errors
    assert list(tmp_path.iterdir()) == [], "uploads are deleted"


def test_a_missing_model_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["serve", "--model", str(tmp_path / "none")])
    assert result.exit_code == 1
    assert "run `dvc repro` or `dvc pull`" in result.stderr
