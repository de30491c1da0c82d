"""Which code a result depends on: found by imports, indifferent to comments."""

import inspect
import sys
from collections.abc import Callable
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from trees import tree

from deepfake.base import code
from deepfake.base.code import code_version, imported_files
from deepfake.core import sampling
from deepfake.faces.cropping import crop_archive
from deepfake.faces.dlib_models import PACKAGES
from deepfake.faces.embedding import embed_tracks
from deepfake.faces.landmarks import landmark_archive
from deepfake.splits.frame_hashes import hash_frames
from deepfake.video.frame_archive import frame_archive


def test_imports_are_followed(tmp_path: Path) -> None:
    files = {
        "stages/one.py": "from deepfake.core import a\nimport os\n",
        "deepfake/__init__.py": "",
        "deepfake/core/__init__.py": "",
        "deepfake/core/a.py": "def f():\n    from deepfake.faces.b import g\n",
        "deepfake/core/unused.py": "",
        "deepfake/faces/b.py": "import deepfake.core.a\nfrom deepfake.base.errors import E\n",
        "deepfake/base/errors.py": "",
    }
    tree(tmp_path, files=files)
    found = imported_files(tmp_path / "stages/one.py", tmp_path)
    assert found == {"stages/one.py", "deepfake/core/a.py", "deepfake/faces/b.py"}


def test_the_step_of_the_frames_depends_on_all_that_decodes() -> None:
    found = imported_files(Path(code.__file__).parents[1] / "video/frame_archive.py")
    names = {"core/media", "core/archive", "core/image", "video/decoding", "video/pixels"}
    assert {f"deepfake/{name}.py" for name in names} <= found
    assert not any("base/" in name or "params/" in name for name in found)


def edited(monkeypatch: pytest.MonkeyPatch, folder: Path, text: str) -> str:
    """The version of a function whose module was edited."""
    tree(folder, files={"deepfake/core/sampling.py": text})
    monkeypatch.setattr(code, "TOP", folder)
    monkeypatch.setattr(sampling, "__file__", str(folder / "deepfake/core/sampling.py"))
    return code_version(sampling.evenly_spaced)


def test_edits_of_code_count_and_those_of_words_do_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plain = edited(monkeypatch, tmp_path / "a", '"""Doc."""\nX = 1\ndef f():\n    return X\n')
    words = '"""Other."""\nX = 1  # why\n\n\ndef f():\n    """What."""\n    return X\n'
    assert edited(monkeypatch, tmp_path / "b", words) == plain
    assert edited(monkeypatch, tmp_path / "c", words.replace("X = 1", "X = 2")) != plain


def test_packages_count(monkeypatch: pytest.MonkeyPatch) -> None:
    version = code_version(hash_frames)
    assert code_version(hash_frames, ["torch"]) != version
    assert code_version(hash_frames, ["pillow"]) == version, "it is imported anyway"
    assert code_version(frame_archive) != version
    monkeypatch.setattr(code, "version", lambda name: "0" if name == "imagehash" else "1")
    first = code_version(hash_frames)
    monkeypatch.setattr(code, "version", lambda _: "1")
    assert code_version(hash_frames) != first


@pytest.mark.parametrize(
    "function", [frame_archive, crop_archive, landmark_archive, embed_tracks, hash_frames]
)
def test_every_imported_package_is_known(function: Callable[..., bytes]) -> None:
    script = Path(inspect.getfile(function))
    imports = {module for _, names in code._walk(script, code.TOP) for module in names}
    modules = {name.partition(".")[0] for name in imports} - sys.stdlib_module_names - {"deepfake"}
    known = packages_distributions()
    assert {name for name in modules if name not in known} <= {"dlib"}
    assert ("dlib" not in modules) or "dlib-bin" in PACKAGES
