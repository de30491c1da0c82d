"""The Ray engine on a real cluster of one-core nodes on this machine."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import execution

from deepfake.base.errors import ArchiveError
from deepfake.core.files import sha256_of
from deepfake.jobs import ray_engine, ray_node
from deepfake.jobs.cache import Cache
from deepfake.jobs.pool import map_videos
from deepfake.jobs.step import CHANGED_VIDEO, Failure, Step, Video
from deepfake.predict.detector import Detector
from deepfake.predict.inputs import InputFile
from deepfake.predict.preprocess import Preprocessor

pytestmark = pytest.mark.slow
TOP = Path(__file__).parents[2]


def note_and_shout(path: Path, log: str, pause: float = 0.0) -> bytes:
    """Upper case of a file's text; a line in the file `log` for each computation."""
    text = path.read_text()
    if text == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    if text == "leak":
        return bytes(np.ones(1 << 31, np.uint8))
    if text == "damaged":
        raise ArchiveError("it is damaged")
    with Path(log).open("a") as file:
        file.write(f"{text} {os.getpid()}\n")
    time.sleep(pause)
    return text.upper().encode()


def inputs(folder: Path, texts: Sequence[str], pause: float = 0.0) -> list[Video]:
    """A video per text; its computations are noted in `folder`/log."""
    videos = []
    for number, text in enumerate(texts):
        path = folder / f"{number}.txt"
        path.write_text(text)
        arguments = {"log": str(folder / "log"), "pause": pause}
        videos.append(Video(sha256_of(path), path, arguments, is_original=True))
    return videos


def step(folder: Path, cache: str = "scratch") -> Step:
    return Step(note_and_shout, "v1", Cache(folder / cache))


def noted(folder: Path) -> list[str]:
    """The texts that were computed, in alphabetical order."""
    log = folder / "log"
    return sorted(line.split()[0] for line in log.read_text().splitlines()) if log.exists() else []


def stored(folder: Path, cache: str = "scratch") -> dict[str, bytes]:
    """The files of a scratch cache."""
    files = [path for path in (folder / cache).rglob("*") if path.is_file()]
    return {path.relative_to(folder / cache).as_posix(): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head without cores and one node with one core."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_raylet_start_wait_time_s", "300")  # on a busy machine
        patch.setenv("RAY_agent_register_timeout_ms", "300000")
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
        from ray.cluster_utils import Cluster  # reads the environment

        started = Cluster()
        started.add_node(num_cpus=0, object_store_memory=80 << 20, include_dashboard=False)
        add_node(started)
        yield started
        started.shutdown()


def add_node(cluster: Any) -> Any:
    return cluster.add_node(num_cpus=1, object_store_memory=80 << 20)


def is_running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_the_same_results_and_failures_as_local(
    cluster: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Also a decoder that crashes, a step that leaks memory and a file that changed."""
    videos = inputs(tmp_path, ["a", "segfault", "b", "leak", "old", "c"])
    videos[4].path.write_text("new")
    limits = execution(1, video_gigabytes=1)
    local = list(map_videos(step(tmp_path, "local"), videos, limits, "t"))
    capfd.readouterr()
    limits = execution(1, video_gigabytes=1, address=cluster.address)
    results = list(map_videos(step(tmp_path), videos, limits, "t"))
    crash = Failure("crashed", "its process ended with SIGSEGV")
    memory = Failure("out_of_memory", "needs more than 1 GB of memory")
    assert results == local == [b"A", crash, b"B", memory, CHANGED_VIDEO, b"C"]
    assert stored(tmp_path) == stored(tmp_path, "local") != {}
    assert "t: 6 of 6, 3 failed" in capfd.readouterr().err


def test_a_node_is_killed_and_another_one_joins(cluster: Any, tmp_path: Path) -> None:
    """No result is lost, none appears twice, and the order is kept."""
    videos = inputs(tmp_path, [f"text{number:02}" for number in range(12)], pause=0.3)
    doomed = add_node(cluster)
    results = map_videos(step(tmp_path), videos, execution(0, address=cluster.address), "t")
    found = [next(results)]
    os.kill(doomed.all_processes["raylet"][0].process.pid, signal.SIGKILL)
    added = add_node(cluster)
    found += list(results)
    assert found == [f"TEXT{number:02}".encode() for number in range(12)]
    assert set(noted(tmp_path)) == {f"text{number:02}" for number in range(12)}
    assert len(noted(tmp_path)) <= 12 + 2, "only what was lost with the node is computed again"
    assert len(stored(tmp_path)) == 12
    cluster.remove_node(doomed, allow_graceful=False)
    cluster.remove_node(added)


def test_a_killed_driver_resumes(cluster: Any, tmp_path: Path) -> None:
    """Nothing that is stored is computed again, and no process of the killed run goes on."""
    script = tmp_path / "run.py"
    script.write_text(
        textwrap.dedent(f"""
            import sys
            sys.path[:0] = {[str(TOP), str(TOP / "tests")]!r}
            from pathlib import Path
            from conftest import execution
            from tests.jobs.test_ray_engine import inputs, map_videos, step
            if __name__ == "__main__":
                folder = Path({str(tmp_path)!r})
                limits = execution(1, address={cluster.address!r})
                for result in map_videos(step(folder), inputs(folder, "abcdef", 0.5), limits, "t"):
                    print(result.decode(), flush=True)
        """)
    )
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, cwd=TOP) as driver:
        assert driver.stdout is not None
        assert driver.stdout.readline() == b"A\n"
        driver.kill()
    workers = {int(line.split()[1]) for line in (tmp_path / "log").read_text().splitlines()}
    deadline = time.monotonic() + 60
    while any(map(is_running, workers)):
        assert time.monotonic() < deadline, "a worker process survives its run"
        time.sleep(0.2)
    before, computed = stored(tmp_path), noted(tmp_path)
    assert 1 <= len(before) < 6
    done = len(before)
    limits = execution(1, address=cluster.address)
    results = list(map_videos(step(tmp_path), inputs(tmp_path, "abcdef", 0.5), limits, "t"))
    assert results == [letter.encode() for letter in "ABCDEF"]
    assert len(noted(tmp_path)) - len(computed) == 6 - done
    assert before.items() <= stored(tmp_path).items()


def test_a_run_that_stops_early_leaves_nothing_running(cluster: Any, tmp_path: Path) -> None:
    """As on Ctrl+C, with a video in work."""
    limits = execution(1, address=cluster.address)
    results = map_videos(step(tmp_path), inputs(tmp_path, "ab", pause=2), limits, "t")
    assert next(results) == b"A"
    start = time.monotonic()
    results.close()  # type: ignore[attr-defined]
    assert time.monotonic() - start < 60
    time.sleep(2)
    workers = {int(line.split()[1]) for line in (tmp_path / "log").read_text().splitlines()}
    assert not any(map(is_running, workers))


def test_errors_stop_the_run(cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of the function, and a node with another installation."""
    limits = execution(1, address=cluster.address)
    with pytest.raises(ArchiveError, match="it is damaged"):
        list(map_videos(step(tmp_path), inputs(tmp_path, ["damaged"]), limits, "t"))
    other = {**ray_node.installation(), "Python": "3.9.0"}
    monkeypatch.setattr(ray_node, "installation", lambda: other)
    with pytest.raises(ray_node.VersionError, match=r"Python \S+ instead of 3\.9\.0: install"):
        list(map_videos(step(tmp_path), inputs(tmp_path, ["a"]), limits, "t"))


def test_files_are_predicted_as_on_this_machine(
    cluster: Any, random_model: Path, demo_root: Path
) -> None:
    """Also an address, and a file that is missing."""
    clip = str(demo_root / "real/astronaut_1.mp4")
    files = [*map(InputFile, (clip, "missing.mp4")), InputFile("http://127.0.0.1:9/a.mp4")]
    found = []
    for limits in (execution(1), execution(2, address=cluster.address)):
        with Detector.load(random_model, Preprocessor(limits, starts=False)) as detector:
            found.append(list(detector.predict_many(files)))
    assert found[0] == found[1]
    assert [one.score is None for one in found[0]] == [False, True, True]


def test_a_node_that_does_not_see_a_file_gets_its_content(tmp_path: Path) -> None:
    """A file and a folder of frames, without a cluster: what driver and node do with them."""
    folder = tmp_path / "frames"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep/0.jpg").write_bytes(b"one")
    (folder / "1.jpg").write_bytes(b"two")
    for path in (folder / "1.jpg", folder):
        files = ray_engine._read_files(Video("", path))
        ray_node.write_files(tmp_path / f"copy of {path.name}", files)
    assert (tmp_path / "copy of 1.jpg").read_bytes() == b"two"
    assert (tmp_path / "copy of frames/deep/0.jpg").read_bytes() == b"one"
    assert ray_engine._read_files(Video("", tmp_path / "none")) == {}


def test_local_mode_never_imports_ray() -> None:
    code = (
        "import sys; sys.path.insert(0, 'tests'); from conftest import execution;"
        "from deepfake.jobs.pool import map_videos; from deepfake.jobs.step import Step;"
        "list(map_videos(Step(len, ''), [], execution(), 't')); print('ray' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=TOP, capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr
