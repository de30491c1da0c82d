"""Files to try."""

from pathlib import Path

from deepfake.serving.sample_clips import SAMPLES, samples


def test_only_those_that_are_there(tmp_path: Path) -> None:
    assert samples(tmp_path) == []
    path = tmp_path / SAMPLES[1].path
    path.parent.mkdir(parents=True)
    path.touch()
    assert [one.title for one in samples(tmp_path)] == [SAMPLES[1].title]


def test_the_demo_has_them_all(demo_root: Path) -> None:
    assert len(samples(demo_root)) == len(SAMPLES)
