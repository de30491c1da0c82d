"""docs/upgrading.md names every key that was added since 0.1.0, and its values are valid."""

import re
from pathlib import Path
from typing import Any

from deepfake.params.overlay import merge, parse_setting
from deepfake.params.schema import Params

# Sections and keys of params.yaml in 0.1.0, without `dataset`, which was a list.
KEYS_0_1_0 = """
execution: workers video_seconds video_gigabytes
frames: per_video min_frames jpeg_quality jpeg_chroma max_failed_fraction
crops: detector detect_size min_score min_face min_track_fraction margin size jpeg_quality jpeg_chroma
  max_no_face_fraction
identities: faces faces_per_track threshold near_duplicates
split: policy train val test bridges official_leaks test_datasets folds fold seed
train: init image_size region augmentation share epochs batch_size pairs self_blended balance_methods
  learning_rate layer_decay weight_decay warmup_fraction label_smoothing ema precision seed
score: video_score min_frames
evaluate: bootstrap seed
robustness: levels max_videos crops_per_track seed
"""
PAGE = (Path(__file__).parents[2] / "docs/upgrading.md").read_text(encoding="utf-8")


def known_keys() -> set[str]:
    sections = re.findall(r"^(\w+):((?:.|\n )*)", KEYS_0_1_0, re.MULTILINE)
    return {f"{section}.{key}" for section, keys in sections for key in keys.split()}


def test_every_new_key_is_on_the_page(content: dict[str, Any]) -> None:
    keys = {
        f"{section}.{key}" if isinstance(values, dict) else section
        for section, values in content.items()
        if section != "dataset"
        for key in (values if isinstance(values, dict) else [section])
    }
    assert len(known_keys()) > 50
    missing = sorted(key for key in keys - known_keys() if f"`{key}`" not in PAGE)
    assert not missing, f"add these keys to the second table of docs/upgrading.md: {missing}"


def test_the_values_that_change_nothing_are_valid(content: dict[str, Any]) -> None:
    rows = re.findall(r"^\| (`[^|]*`) \| `([^|`]*)` \| [^|]* \|$", PAGE, re.MULTILINE)
    settings = [f"{key}={value}" for keys, value in rows for key in re.findall("`([^`]+)`", keys)]
    assert len(settings) >= 5
    for setting in settings:
        content = merge(content, parse_setting(setting))
    Params.model_validate(content)
