"""Images, compose file and lock files: valid, and the service runs with the packages of its image."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.machinery import PathFinder
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
import yaml
from hosting import Client, answers, free_port, wait_until
from packaging.utils import canonicalize_name

from deepfake.cli.doctor import PINNED
from deepfake.serving.uploads import UploadLimits

TOP = Path(__file__).resolve().parents[1]
DOCKERFILE = (TOP / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((TOP / "deploy/compose.yaml").read_text(encoding="utf-8"))
SAME_MODULE = {"opencv-python-headless": "opencv-python"}  # of the lock for serving, of the other


def pins(name: str) -> set[tuple[str, str, str]]:
    """Package, version and condition of each line of a lock file."""
    return set(PINNED.findall((TOP / name).read_text(encoding="utf-8")))


def instructions(target: str) -> list[tuple[str, str]]:
    """The instructions of a target of the Dockerfile, without those of the targets before it."""
    text = re.sub(r"#.*\n", "", DOCKERFILE).replace("\\\n", " ")
    stage = re.search(rf"^FROM \S+ AS {target}\n(.*?)(?=^FROM|\Z)", text, re.MULTILINE | re.DOTALL)
    assert stage, target
    return re.findall(r"^([A-Z]+) +(.+)$", stage[1], re.MULTILINE)


def command(name: str) -> list[str]:
    """The arguments of an instruction of the service."""
    (line,) = [text for keyword, text in instructions("service") if keyword == name]
    found: list[str] = json.loads(line[line.index("[") :])
    return found


def test_hadolint() -> None:
    program = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([program, TOP / "Dockerfile"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_compose_file_has_the_published_schema() -> None:
    schema = ["--builtin-schema", "vendor.compose-spec"]
    arguments = [sys.executable, "-m", "check_jsonschema", *schema, TOP / "deploy/compose.yaml"]
    done = subprocess.run(arguments, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", COMPOSE["services"])
def test_every_container_is_limited(name: str) -> None:
    service = COMPOSE["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"mem_limit", "cpus", "pids_limit", "logging"} <= service.keys()
    assert not service.get("privileged")


def test_only_the_proxy_reaches_the_internet() -> None:
    open_networks = {name for name, one in COMPOSE["networks"].items() if not one.get("internal")}
    services = COMPOSE["services"]
    assert [name for name in services if open_networks & {*services[name]["networks"]}] == ["proxy"]
    assert [name for name in services if services[name].get("ports")] == ["proxy"]


def test_the_temporary_files_and_the_proxy_fit_the_largest_uploads() -> None:
    """Each upload is on the disk twice: as received, and as the file that is decoded."""
    limits, service = UploadLimits(), COMPOSE["services"]["service"]
    (size,) = re.findall(r"size=(\d+)g", service["tmpfs"][0])
    needed = 2 * (limits.waiting + 1) * limits.max_bytes
    assert int(size) << 30 >= needed
    assert int(service["mem_limit"].removesuffix("g")) >= int(size) + 3, "3 GB for the decoder"
    caddyfile = (TOP / "deploy/Caddyfile").read_text(encoding="utf-8")
    assert re.findall(r"max_size (\d+)MB", caddyfile) == [f"{limits.megabytes + 1:g}"]


def test_an_image_contains_exactly_what_is_copied() -> None:
    text = (TOP / ".dockerignore").read_text(encoding="utf-8")
    patterns = [line for line in text.splitlines() if not line.startswith("#")]
    copied = {
        line.split()[0]
        for target in ("base", "tools", "training", "service")
        for keyword, line in instructions(target)
        if keyword == "COPY"
    }
    assert patterns[0] == "*"
    assert {one.removeprefix("!") for one in patterns if one.startswith("!")} == copied
    assert [name for name in copied if not (TOP / name).exists()] == []


@pytest.mark.parametrize("target", ["tools", "training", "service"])
def test_no_container_runs_as_root(target: str) -> None:
    users = [text for keyword, text in instructions(target) if keyword == "USER"]
    assert users[-1] == "10001"


def test_the_development_container_uses_a_target_of_the_dockerfile() -> None:
    path = TOP / ".devcontainer/devcontainer.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    assert (path.parent / settings["build"]["dockerfile"]).resolve() == TOP / "Dockerfile"
    assert (path.parent / settings["build"]["context"]).resolve() == TOP
    assert instructions(settings["build"]["target"])
    assert f"useradd --create-home --uid 10001 {settings['remoteUser']}" in DOCKERFILE
    assert settings["postCreateCommand"] == "make setup"


def test_both_lock_files_agree() -> None:
    serving, everything = pins("requirements-serve.lock"), pins("requirements.lock")
    assert len(serving) > 20
    same = {(SAME_MODULE.get(name, name), *rest) for name, *rest in serving}
    versions = {(name, version) for name, version, _ in everything}
    assert {(name, version) for name, version, _ in same} <= versions
    assert not {"torch", "torchvision", "dvc", "streamlit"} & {name for name, *_ in serving}


REFUSE = """
import sys
from importlib.abc import MetaPathFinder


class Refuse(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {refused!r}:
            raise ModuleNotFoundError(f"{{name}} is not in requirements-serve.lock", name=name)


sys.meta_path.insert(0, Refuse())
"""


def hide_deleted_models(package: Path) -> None:
    """Make a package face_recognition_models without the files that the Dockerfile deletes."""
    (pattern,) = re.findall(r"face_recognition_models/models/(\S+)", DOCKERFILE)
    spec = PathFinder.find_spec(package.name)
    assert spec
    assert spec.origin
    files = [*Path(spec.origin).with_name("models").iterdir()]
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").touch()
    for file in files:
        if not file.match(pattern):
            (package / "models" / file.name).symlink_to(file)
    assert 0 < len([*(package / "models").iterdir()]) < len(files)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a process that finds only the packages and models of the image."""
    serving = {name for name, *_ in pins("requirements-serve.lock")}
    served = serving | {SAME_MODULE.get(name, name) for name in serving}
    refused = {
        module
        for module, packages in packages_distributions().items()
        if not served & {canonicalize_name(package) for package in packages}
    } - {"deepfake"}
    assert {"torch", "torchvision", "dvc", "streamlit", "sklearn"} <= refused
    folder = tmp_path_factory.mktemp("image")
    (folder / "sitecustomize.py").write_text(REFUSE.format(refused=refused))
    (folder / "tmp").mkdir()
    hide_deleted_models(folder / "face_recognition_models")
    path = os.pathsep.join([str(folder), str(TOP)])
    return {**os.environ, "PYTHONPATH": path, "TMPDIR": str(folder / "tmp"), "HOME": "/nonexistent"}


def run(arguments: list[str], image: dict[str, str]) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=TOP, env=image, capture_output=True, text=True
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.slow
def test_packages_outside_of_the_lock_file_are_not_found(image: dict[str, str]) -> None:
    code, _, error = run(["-c", "import torch"], image)
    assert code == 1
    assert "torch is not in requirements-serve.lock" in error


@pytest.fixture(scope="module")
def predicted(image: dict[str, str], portable: Path, demo_root: Path) -> dict[str, Any]:
    """The result of `deepfake predict`."""
    program = command("ENTRYPOINT")[1:]
    video = str(demo_root / "real/orl01_1.mp4")
    options = ["--runtime", "onnx", "--model", str(portable.parent), "--json"]
    code, output, error = run([*program, "predict", video, *options], image)
    assert code == 0, error
    found: dict[str, Any] = json.loads(output)
    return found


@pytest.mark.slow
def test_prediction_needs_no_other_package(predicted: dict[str, Any]) -> None:
    assert 0 <= predicted["score"] <= 1


@pytest.fixture(scope="module")
def server(image: dict[str, str], portable: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The command of the image, at another port and with another model folder."""
    port = free_port()
    replaced = {"python": sys.executable, "0.0.0.0": "127.0.0.1", "/model": str(portable.parent)}
    words = [replaced.get(one, one) for one in command("ENTRYPOINT") + command("CMD")]
    process = subprocess.Popen([*words, "--port", str(port)], cwd=TOP, env=image)
    try:
        yield process, port
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_the_service_needs_no_other_package(
    server: tuple[subprocess.Popen[bytes], int],
    image: dict[str, str],
    predicted: dict[str, Any],
    demo_root: Path,
) -> None:
    """It becomes healthy, predicts as the command does, leaves no file, and ends when asked to."""
    process, port = server
    health = [one.replace(":8000", f":{port}") for one in command("HEALTHCHECK")[1:]]
    assert run(health, image)[0] != 0, "it is not healthy before it listens"
    wait_until(lambda: process.poll() is not None or answers(f"http://127.0.0.1:{port}/health"))
    assert run(health, image)[0] == 0
    video = demo_root / "real/orl01_1.mp4"
    answer = Client(port).send(video.read_bytes(), video.name).json()
    assert answer == {**predicted, "path": video.name}
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    assert [*Path(image["TMPDIR"]).iterdir()] == []
