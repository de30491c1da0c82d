"""Files to try the page with: clips of the demo, where it was built."""

from dataclasses import dataclass
from pathlib import Path

DEMO = Path("data/demo/raw")


@dataclass(frozen=True)
class Sample:
    """A file.

    Attributes:
        title: what it truly is, for the button.
        path: where it lies.
    """

    title: str
    path: Path


SAMPLES = (
    Sample("A real video", Path("real/astronaut_1.mp4")),
    Sample("A face swap", Path("fake/poisson/astronaut_pexels_1.mp4")),
    Sample("Another swap", Path("fake/warp/pexels_astronaut_7.mp4")),
    Sample("No face", Path("real/pyfeat_3.mp4")),
)


def samples(folder: Path = DEMO) -> list[Sample]:
    """Those that are there."""
    found = [Sample(one.title, folder / one.path) for one in SAMPLES]
    return [one for one in found if one.path.is_file()]
