"""Measure the time of one new video after a thousand, and the memory over all of them.

Creates a project of many small clips (copies of talking heads, each with different bytes), runs
`dvc repro crops` from nothing, adds one video and runs it again.

Also times each stage without DVC, after its outputs are deleted, as DVC does. The same stages in a
project of two clips with cached results give the start-up time. This separates the time of the
video from that of DVC, which deletes, hashes and links a thousand archives.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
import yaml
from bench import bench_parser, list_media, report_missing
from tqdm import tqdm

REPOSITORY = Path(__file__).resolve().parents[1]
COPIED = ["deepfake", "stages", "dvc.yaml", "params.yaml", ".dvcignore", ".gitignore"]
DATASET = {"root": "data/raw", "layout": "folders", "include": "*"}
MAX_CLIP_SIZE = 300_000  # bytes; about 3 seconds of 256 x 256 pixels
SAMPLE_SECONDS = 0.5
STAGES: dict[str, tuple[list[str], str | None]] = {  # arguments, folder of outputs
    "scan": (["d"], "data/scanned"),
    "manifest": ([], None),
    "frames": ([], "data/frames"),
    "crops": ([], "data/crops"),
}


class MemorySampler:
    """Samples the proportional set size (PSS) in MB of a process and its children."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.samples: list[float] = []
        self._process = process
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while self._process.poll() is None:
            try:
                parent = psutil.Process(self._process.pid)
                tree = [parent, *parent.children(recursive=True)]
                self.samples.append(sum(item.memory_full_info().pss for item in tree) / 1e6)
            except psutil.Error:
                pass
            time.sleep(SAMPLE_SECONDS)

    def eighths(self) -> list[float]:
        """Largest sample of each eighth of the run."""
        size = max(1, len(self.samples) // 8)
        parts = [self.samples[i : i + size] for i in range(0, size * 8, size)]
        return [max(part) for part in parts if part]


def run(folder: Path, *command: str) -> tuple[float, list[float]]:
    """Run a command; return its seconds and the largest memory in each eighth of the run."""
    start = time.perf_counter()
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        memory = MemorySampler(process)
        assert process.stderr is not None
        errors = process.stderr.read()
    if process.returncode:
        raise SystemExit(errors.decode()[-3000:])
    return time.perf_counter() - start, memory.eighths()


def small_clips(bench: Path) -> list[Path]:
    """Talking-head clips of at most `MAX_CLIP_SIZE`."""
    clips = list_media(bench, "talking_heads")
    return [path for path in clips if path.stat().st_size <= MAX_CLIP_SIZE]


def add_clip(source: Path, path: Path, number: int) -> None:
    """Copy a clip with different bytes: an MP4 may end with a box that every reader skips."""
    note = f"{number:08d}".encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(source.read_bytes() + (8 + len(note)).to_bytes(4, "big") + b"free" + note)


def make_project(folder: Path, sources: Sequence[Path], count: int, frames: int) -> None:
    """Create a project with `count` clips."""
    for name in COPIED:
        copy = shutil.copytree if (REPOSITORY / name).is_dir() else shutil.copy
        copy(REPOSITORY / name, folder / name)
    params = yaml.safe_load((folder / "params.yaml").read_text())
    params["dataset"] = {"d": DATASET}
    params["frames"] |= {"per_video": frames, "max_failed_fraction": 1.0}
    params["crops"] |= {"max_no_face_fraction": 1.0}
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    for number in tqdm(range(count), "clips"):
        label = "fake" if number % 2 else "real"
        source = sources[number % len(sources)]
        add_clip(source, folder / f"data/raw/{label}/{number:05d}.mp4", number)
    for command in (["git", "init", "--quiet"], ["dvc", "init", "--quiet"]):
        subprocess.run(command, cwd=folder, check=True)
    shutil.copy(REPOSITORY / ".dvc/config", folder / ".dvc/config")


def stage_seconds(folder: Path, stage: str) -> float:
    """Seconds of a stage without DVC, after its outputs are deleted."""
    arguments, outputs = STAGES[stage]
    if outputs:
        shutil.rmtree(folder / outputs, ignore_errors=True)
    seconds, _ = run(folder, sys.executable, "-m", f"stages.{stage}", *arguments)
    return seconds


def main() -> int:
    """Measure and print."""
    parser = bench_parser(__doc__)
    parser.add_argument("--clips", type=int, default=1000, help="number of clips (default: 1000)")
    parser.add_argument("--frames", type=int, default=16, help="frames per clip (default: 16)")
    args = parser.parse_args()
    if report_missing(args.bench, "talking_heads"):
        return 2
    sources = small_clips(args.bench)
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryDirectory() as small_name:
        folder, small = Path(name), Path(small_name)
        make_project(folder, sources, args.clips, args.frames)
        make_project(small, sources, 2, args.frames)
        repro = ["dvc", "repro", "--quiet", "crops"]
        full, memory = run(folder, *repro)
        add_clip(sources[0], folder / "data/raw/real/new.mp4", args.clips)
        one_more, _ = run(folder, *repro)
        nothing, _ = run(folder, *repro)
        run(small, *repro)
        print(f"{args.clips} copies of {len(sources)} clips, {args.frames} frames each")
        print(
            f"dvc repro crops: everything {full:.1f} s, one more clip {one_more:.1f} s,"
            f" nothing new {nothing:.1f} s"
        )
        add_clip(sources[1], folder / "data/raw/real/newer.mp4", args.clips + 1)
        starts = work = 0.0
        for stage in STAGES:
            start = stage_seconds(small, stage)
            seconds = stage_seconds(folder, stage)
            starts, work = starts + start, work + seconds - start
            print(f"  {stage} with one more clip: {seconds:.2f} s, {start:.2f} s of it start-up")
        print(f"  work of the four stages: {work:.2f} s, {work / full:.2%} of the full run")
        print(f"  start-up: {starts:.1f} s, DVC: about {one_more - work - starts:.1f} s")
        eighths = ", ".join(f"{value:.0f}" for value in memory)
        print(f"largest memory in each eighth of the full run: {eighths} MB")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
