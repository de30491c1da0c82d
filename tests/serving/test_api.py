"""`deepfake serve` over real sockets."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
from hosting import Client, answers, free_port, hosted, wait_until
from typer.testing import CliRunner

from deepfake import Detector
from deepfake.cli.app import app
from deepfake.model.operating_points import OPERATING_POINTS
from deepfake.serving import api
from deepfake.serving.access import ApiKeys, RateLimit, add_key
from deepfake.serving.api import ApiSettings
from deepfake.serving.request_log import JsonFormatter
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
    assert answer["model"]["sha256"] == detector.model.sha256
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
    assert set(document["paths"]) == {
        *("/predict", "/batches", "/batches/{batch_id}", "/metrics", "/health")
    }
    parameters = document["paths"]["/predict"]["post"]["parameters"]
    (point,) = [one for one in parameters if one["name"] == "operating_point"]
    assert "Default: balanced." in point["description"]
    assert [*OPERATING_POINTS] == point["schema"]["anyOf"][0]["enum"]
    assert {"200", "400", "401", "413", "422", "429", "503"} <= set(
        document["paths"]["/predict"]["post"]["responses"]
    )
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


def test_errors_are_problem_details(client: Client) -> None:
    """RFC 9457: members, media type, and a status that is that of the response."""
    answers = [
        client.get("/nothing"),
        client.get("/predict"),
        client.send(b"x", path="/predict?operating_point=strict"),
        client.send(b"x", path="/predict?frames=perhaps"),
        client.get("/batches/none"),
    ]
    codes = []
    for answer in answers:
        problem = answer.json()
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert (problem["type"], problem["status"]) == ("about:blank", answer.status_code)
        assert problem["request_id"] == answer.headers["X-Request-ID"]
        codes.append(problem["code"])
    assert codes == [
        *("not_found", "method_not_allowed", "no_operating_point", "invalid_request", "no_batch")
    ]
    assert answers[1].headers["Allow"] == "POST"
    assert answers[3].json()["errors"][0]["location"] == "query.frames"
    assert "and when the server restarts" in answers[4].json()["detail"]


def test_many_files_in_one_request(client: Client, demo_root: Path) -> None:
    data = (demo_root / "real/orl01_1.mp4").read_bytes()
    files = [("file", ("a.mp4", data)), ("file", ("b.mp4", b"text"))]
    answer = requests.post(client.url("/batches?frames=true"), files=files, timeout=60)
    assert (answer.status_code, answer.headers["Location"]) == (
        202,
        f"/batches/{answer.json()['id']}",
    )
    wait_until(lambda: client.get(answer.headers["Location"]).json()["status"] == "finished")
    first, second = client.get(answer.headers["Location"]).json()["results"]
    assert first["prediction"] == client.send(data, "a.mp4", "/predict?frames=true").json()
    assert second["prediction"]["verdict"] == "UNDECIDED"
    assert requests.delete(client.url(answer.headers["Location"]), timeout=60).status_code == 204
    assert client.get(answer.headers["Location"]).status_code == 404
    too_many = [("file", (f"{number}.mp4", b"x")) for number in range(21)]
    assert requests.post(client.url("/batches"), files=too_many, timeout=60).status_code == 422
    large = [("file", (f"{number}.mp4", bytes(1_900_000))) for number in range(6)]
    assert requests.post(client.url("/batches"), files=large, timeout=60).status_code == 413


def test_requests_have_an_id_and_are_counted(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    own = requests.get(client.url("/metrics"), headers={"X-Request-ID": "order-7"}, timeout=60)
    forged = {"X-Request-ID": "a" * 65}
    other = requests.get(client.url("/secret/name.mp4"), headers=forged, timeout=60)
    assert own.headers["X-Request-ID"] == "order-7"
    assert len(other.headers["X-Request-ID"]) == 32, "a new one"

    def lines() -> list[dict[str, Any]]:
        found = [json.loads(JsonFormatter().format(record)) for record in caplog.records]
        return [one for one in found if one.get("route") in ("/metrics", "other")]

    wait_until(lambda: len(lines()) == 2)
    assert [(one["route"], one["status"]) for one in lines()] == [("/metrics", 200), ("other", 404)]
    assert "name.mp4" not in str(lines())
    client.send(b"text")
    text = client.get("/metrics").text
    assert 'deepfake_requests_total{method="other",route="other",status="404"}' in text
    assert 'deepfake_results_total{verdict="UNDECIDED"}' in text
    assert "deepfake_queue_length 0.0" in text
    assert "process_resident_memory_bytes" in text


def test_keys_and_rate_limit(
    detector: Detector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "RateLimit", partial(RateLimit, clock=lambda: 0.0))  # no time passes
    key, other = (add_key(tmp_path / "keys.txt", name) for name in ("a", "b"))
    settings = ApiSettings(ApiKeys.read(tmp_path / "keys.txt"), requests_per_minute=4)
    with hosted(Service(detector, UploadLimits(megabytes=2)), settings) as client:

        def status(method: str, path: str, key: str = "") -> requests.Response:
            headers = {"Authorization": f"Bearer {key}"} if key else {}
            files = {"file": ("a.mp4", b"text")} if method == "POST" else None
            return requests.request(
                method, client.url(path), headers=headers, files=files, timeout=60
            )

        assert [status("GET", path).status_code for path in ("/", "/docs", "/health")] == [200] * 3
        schemes = status("GET", "/openapi.json").json()["components"]["securitySchemes"]
        assert schemes["HTTPBearer"]["scheme"] == "bearer"
        refused = status("POST", "/predict")
        assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert refused.json()["code"] == "unauthorized"
        assert status("GET", "/metrics", key[:-1]).status_code == 401
        assert status("POST", "/predict", key).status_code == 200
        batch = status("POST", "/batches", key).headers["Location"]
        assert status("GET", batch, other).status_code == 404, "it belongs to another client"
        assert [status("GET", batch, key).status_code for _ in range(3)] == [200, 200, 429]
        limited = status("GET", batch, key)
        assert limited.headers["Retry-After"] == "15"
        assert status("GET", "/metrics", other).status_code == 200, "each client has its own limit"


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
