"""Sample clips of the page."""

from pathlib import Path

from deepfake.serving.sample_clips import SAMPLE_CLIPS, existing_clips


def test_only_clips_that_exist(tmp_path: Path) -> None:
    assert existing_clips(tmp_path) == []
    path = tmp_path / SAMPLE_CLIPS[1].path
    path.parent.mkdir(parents=True)
    path.touch()
    assert [clip.title for clip in existing_clips(tmp_path)] == [SAMPLE_CLIPS[1].title]


def test_the_demo_has_all_clips(demo_root: Path) -> None:
    assert len(existing_clips(demo_root)) == len(SAMPLE_CLIPS)
