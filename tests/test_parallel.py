"""Work over files: in order, remembered, failures told. Processes are real here."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from deepfake import archive, image, parallel
from deepfake.parallel import Task, code_version, map_files


def shout(path: Path, pause: float = 0.0, sign: str = "!") -> bytes:
    """What the tests do with a file; the first files take longest."""
    time.sleep(pause)
    text = path.read_bytes()
    if text == b"bad":
        raise ValueError(f"{path.name} is bad")
    return text.upper() + sign.encode()


def whereabouts(path: Path) -> bytes:
    """The process a file is worked on in, and how many threads it may use."""
    return f"{path.name} {os.getpid()} {os.environ['OMP_NUM_THREADS']}".encode()


def write(folder: Path, *texts: str) -> list[Path]:
    paths = [folder / f"{i}.txt" for i in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    return paths


def remembered(scratch: Path) -> dict[Path, int]:
    """Files in the scratch folder and when they were written."""
    return {path: path.stat().st_mtime_ns for path in scratch.rglob("*") if path.is_file()}


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take back afterwards what the pool puts into the environment for its processes."""
    for name in parallel.ONE_THREAD:
        monkeypatch.setenv(name, "")


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads instead of processes, where only the order of events is tested."""
    monkeypatch.setattr(parallel, "_pool", ThreadPoolExecutor)


def test_processes_keep_the_order_and_remember(tmp_path: Path) -> None:
    paths = write(tmp_path, *"abcdefgh")
    task = Task(shout, "v1", tmp_path / "scratch")
    inputs = [(path, {"pause": 0.08 / (i + 1)}) for i, path in enumerate(paths)]
    expected = [letter.encode() + b"!" for letter in "ABCDEFGH"]
    assert list(map_files(task, inputs, 2, "first")) == expected
    before = remembered(tmp_path / "scratch")
    assert len(before) == 8
    assert list(map_files(task, inputs, 1, "again")) == expected
    assert remembered(tmp_path / "scratch") == before


def test_exception_of_a_process_surfaces(tmp_path: Path) -> None:
    inputs: list[tuple[Path, dict[str, Any]]]
    inputs = [(path, {}) for path in write(tmp_path, "a", "bad", "c")]
    results = map_files(Task(shout, "v1", tmp_path / "scratch"), inputs, 1, "t")
    assert next(results) == b"A!"
    with pytest.raises(ValueError, match=r"1\.txt is bad"):
        next(results)


def test_work_is_done_elsewhere_by_one_thread_each(tmp_path: Path) -> None:
    (path,) = write(tmp_path, "a")
    task = Task(whereabouts, "v1", tmp_path / "scratch")
    (result,) = map_files(task, [(path, {})], 1, "t")
    name, process, threads = result.decode().split()
    assert (name, threads) == ("0.txt", "1")
    assert int(process) != os.getpid()


@pytest.mark.usefixtures("threads")
def test_a_killed_run_goes_on(tmp_path: Path) -> None:
    """What was finished before the failure is not done again."""
    paths = write(tmp_path, "a", "b", "bad", "d")
    task = Task(shout, "v1", tmp_path / "scratch")
    with pytest.raises(ValueError, match="is bad"):
        list(map_files(task, [(path, {}) for path in paths[:3]], 1, "t"))
    before = remembered(tmp_path / "scratch")
    assert len(before) == 2
    paths[2].write_text("c")
    found = list(map_files(task, [(path, {}) for path in paths], 1, "t"))
    assert found == [b"A!", b"B!", b"C!", b"D!"]
    after = remembered(tmp_path / "scratch")
    assert len(after) == 4
    assert before.items() <= after.items()


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("count", [0, 1, 4, 5, 13])
def test_any_number_of_inputs(tmp_path: Path, count: int) -> None:
    """Fewer, as many and more than may wait at a time."""
    texts = [chr(ord("a") + i) for i in range(count)]
    inputs: list[tuple[Path, dict[str, Any]]]
    inputs = [(path, {}) for path in write(tmp_path, *texts)]
    found = list(map_files(Task(shout, "v1", tmp_path / "scratch"), inputs, 1, "t"))
    assert found == [text.upper().encode() + b"!" for text in texts]


def test_remembered_by_content_arguments_code_and_function(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    one, same, other = write(tmp_path, "a", "a", "b")

    def is_new(task: Task, path: Path, arguments: dict[str, Any]) -> bool:
        before = set(remembered(scratch))
        task(path, arguments)
        return set(remembered(scratch)) != before

    task = Task(shout, "v1", scratch)
    assert is_new(task, one, {"sign": "!", "pause": 0.0})
    assert not is_new(task, one, {"pause": 0.0, "sign": "!"})
    assert not is_new(task, same, {"sign": "!", "pause": 0.0})
    assert is_new(task, other, {"sign": "!", "pause": 0.0})
    assert is_new(task, one, {"sign": "?", "pause": 0.0})
    assert is_new(Task(shout, "v2", scratch), one, {"sign": "!", "pause": 0.0})
    assert task(one, {"sign": "?"}) == b"A?"


def test_scratch_is_below_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (path,) = write(tmp_path, "a")
    assert Task(shout, "v1")(path, {}) == b"A!"
    assert len(remembered(tmp_path / ".scratch" / "videos")) == 1


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.txt"):
        Task(shout, "v1", tmp_path / "scratch")(tmp_path / "none.txt", {})


def test_code_version_follows_modules_and_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    version = code_version([archive, image], ["numpy"])
    assert version == code_version([archive, image], ["numpy"])
    others = [
        code_version([archive], ["numpy"]),
        code_version([archive, image], []),
        code_version([archive, image], ["pandas"]),
    ]
    monkeypatch.setattr(parallel, "version", lambda _: "0.0.0")
    others.append(code_version([archive, image], ["numpy"]))
    assert len({version, *others}) == 5
