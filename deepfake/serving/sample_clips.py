"""Clips of the demo data set to try the page with, if the demo was built here."""

from dataclasses import dataclass
from pathlib import Path

DEMO = Path("data/demo/raw")


@dataclass(frozen=True)
class SampleClip:
    """A clip to try.

    Attributes:
        title: text of its button: what the clip really shows.
        path: the file.
    """

    title: str
    path: Path


SAMPLE_CLIPS = (
    SampleClip("A real video", Path("real/pexels_1.mp4")),
    SampleClip("A face swap", Path("fake/poisson/astronaut_pexels_1.mp4")),
    SampleClip("Another swap", Path("fake/warp/pexels_astronaut_7.mp4")),
    SampleClip("No face", Path("real/pyfeat_3.mp4")),
)


def existing_clips(folder: Path = DEMO) -> list[SampleClip]:
    """The sample clips that exist below `folder`."""
    clips = [SampleClip(clip.title, folder / clip.path) for clip in SAMPLE_CLIPS]
    return [clip for clip in clips if clip.path.is_file()]
