"""Shared fixtures: the repository, a real face, tiny clips, a random model, and no processes."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import pytest
import yaml
from clips import CLIP_SIDE, CLIPS, code_image, sequential
from hypothesis import settings
from web_server import Served, serve

from deepfake.core.image import Image, decode_image
from deepfake.jobs import pool
from deepfake.jobs.step import Failure, Video
from deepfake.params.schema import ExecutionParams, Params

if TYPE_CHECKING:
    from deepfake.predict.detector import Detector

# The same examples in every run, so that a pull request does not fail by chance.
settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=60)
settings.load_profile("repeatable")

ClipMaker = Callable[..., Path]
# From a name in CLIPS to the file and all its frames.
Clips = Callable[[str], tuple[Path, list[Image]]]


def pytest_addoption(parser: pytest.Parser) -> None:
    """`pytest tests/test_preprocessing.py -k mutated --mutations 10000` takes five minutes."""
    parser.addoption("--mutations", type=int, default=500, help="broken files of the fuzz test")


@pytest.fixture(scope="session")
def mutations(request: pytest.FixtureRequest) -> int:
    """How many broken files the fuzz test makes."""
    return int(request.config.getoption("--mutations"))


@pytest.fixture(scope="session")
def repository() -> Path:
    """The top folder of the checkout."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def demo_root(repository: Path) -> Path:
    """The demo data set. If it is missing, it is built (a minute, needs a package index)."""
    demo = repository / "data" / "demo"
    with (repository / "tests" / "conftest.py").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one process of `pytest -n 2` builds it
        if not (demo / "raw" / "labels.csv").is_file() or not (demo / "downloads").is_dir():
            command = [sys.executable, "-m", "dvc", "repro", "data/demo/dvc.yaml"]
            path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
            subprocess.run(command, cwd=repository, check=True, env={**os.environ, "PATH": path})
    return demo / "raw"


@pytest.fixture(scope="session")
def astronaut(demo_root: Path) -> Image:
    """RGB photo, 512 x 512, of Eileen Collins (NASA, public domain), her face near (224, 121)."""
    path = demo_root.parent / "downloads" / "astronaut" / "astronaut.png"
    return decode_image(path.read_bytes())


@pytest.fixture(scope="session")
def random_model(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model of random weights, in the format of a trained one."""
    import torch

    from deepfake.model.calibration import Calibration
    from deepfake.model.card import make_card
    from deepfake.model.network import build_model, save_model

    content = yaml.safe_load((repository / "params.yaml").read_text())
    # A linear head, as models from elsewhere have it.
    content["train"] |= {"head": "linear", "image_size": 112}
    params = Params.model_validate(content)
    folder = tmp_path_factory.mktemp("random") / "models"
    torch.manual_seed(0)
    card = make_card(params, Calibration(1.0, 0.5), best_epoch=1, datasets=["demo"], face_pixels=60)
    save_model(folder, build_model("random", card.head).state_dict(), card)
    return folder


@pytest.fixture(scope="session")
def portable(random_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The random model as an ONNX file, alone in a folder."""
    from deepfake.model.export import to_onnx
    from deepfake.model.network import load_model

    path = tmp_path_factory.mktemp("portable") / "model.onnx"
    path.write_bytes(to_onnx(*load_model(random_model)))
    return path


@pytest.fixture(scope="session")
def trained(repository: Path) -> Path:
    """The checkout with the trained model, crops and predictions of `make repro`."""
    needed = ["models/model.onnx", "data/predictions/test.csv", "data/crops"]
    missing = [name for name in needed if not (repository / name).exists()]
    if missing:
        pytest.skip(f"{missing[0]} is missing: run `make repro` first")
    return repository


@pytest.fixture(scope="session")
def detector(random_model: Path) -> Iterator["Detector"]:
    """A detector with the random model; tests share its process."""
    from deepfake.predict.detector import Detector

    with Detector.load(random_model) as loaded:
        yield loaded


@pytest.fixture
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """An empty folder that a web server serves."""
    with serve(tmp_path_factory.mktemp("served")) as folder:
        yield folder


@pytest.fixture
def content(repository: Path) -> dict[str, Any]:
    """The content of the repository's params.yaml, as plain dicts."""
    loaded: dict[str, Any] = yaml.safe_load((repository / "params.yaml").read_text())
    return loaded


@pytest.fixture
def params(content: dict[str, Any]) -> Params:
    """The repository's params.yaml, typed."""
    return Params.model_validate(content)


class InProcessWorker:
    """Replaces `jobs.worker.Worker` and calls the function in the process of the test."""

    def __init__(self, execution: ExecutionParams) -> None:
        self.execution = execution

    def start(self, function: Callable[..., bytes]) -> None:
        pass

    def run(self, function: Callable[..., bytes], video: Video) -> bytes | Failure:
        return function(video.path, **video.arguments)

    def close(self) -> None:
        pass


@pytest.fixture
def in_threads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Let `jobs.pool` work without processes, and make an empty folder current.

    tests/jobs/test_pool.py tests processes; in other tests they would take time and hide calls from
    mocks.

    Returns:
        The current folder.
    """
    monkeypatch.setattr(pool, "Worker", InProcessWorker)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def execution(
    workers: int = 1,
    video_seconds: float = 60,
    video_gigabytes: float = 4,
    download_gigabytes: float = 1,
    address: str | None = None,
) -> ExecutionParams:
    """The execution section of params.yaml, with Ray if an address is given."""
    return ExecutionParams(
        engine="ray" if address else "local",
        address=address,
        workers=workers,
        video_seconds=video_seconds,
        video_gigabytes=video_gigabytes,
        download_gigabytes=download_gigabytes,
    )


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Let torch use one thread: for tiny networks, two are up to 30 times slower."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def make_clip() -> ClipMaker:
    """A function that writes an H.264 clip with B-frames, whose frame i is `code_image(i)`."""

    def make(path: Path, count: int, container: dict[str, str] | None = None) -> Path:
        with av.open(str(path), "w", options=container or {}) as output:
            options = {"crf": "18", "bf": "3", "b-adapt": "0", "g": "12", "threads": "1"}
            stream = output.add_stream("libx264", rate=25, options=options)
            stream.width = stream.height = CLIP_SIDE
            stream.pix_fmt = "yuv420p"
            for index in range(count):
                frame = av.VideoFrame.from_ndarray(code_image(index), format="rgb24")
                output.mux(stream.encode(frame))
            output.mux(stream.encode())
        return path

    return make


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    """Clips of `CLIPS` with all their frames, each written once."""
    written: dict[str, tuple[Path, list[Image]]] = {}

    def get(name: str) -> tuple[Path, list[Image]]:
        if name not in written:
            path = CLIPS[name].write(tmp_path_factory.mktemp("clip"))
            written[name] = path, sequential(path)
        return written[name]

    return get


@pytest.fixture(scope="session")
def bench(repository: Path) -> Path:
    """The folder with real data and published lists, next to the checkout."""
    folder = repository.parent / "shared" / "bench"
    if not folder.is_dir():
        pytest.skip(f"{folder} is missing; its licenses do not allow a copy in the repository")
    return folder
