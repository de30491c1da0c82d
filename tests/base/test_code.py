"""Tests of base/code.py: imports are followed, and comments do not count."""

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
from deepfake.faces.dlib_models import DLIB_PACKAGES
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
    imported = imported_files(tmp_path / "stages/one.py", tmp_path)
    assert imported == {"stages/one.py", "deepfake/core/a.py", "deepfake/faces/b.py"}


def test_frames_depend_on_the_decoding_code() -> None:
    imported = imported_files(Path(code.__file__).parents[1] / "video/frame_archive.py")
    names = {"core/media", "core/archive", "core/image", "video/decoding", "video/pixels"}
    assert {f"deepfake/{name}.py" for name in names} <= imported
    assert not any("base/" in name or "params/" in name for name in imported)


def version_of_module(monkeypatch: pytest.MonkeyPatch, folder: Path, text: str) -> str:
    """The code version of a function whose module has this text."""
    tree(folder, files={"deepfake/core/sampling.py": text})
    monkeypatch.setattr(code, "TOP", folder)
    monkeypatch.setattr(sampling, "__file__", str(folder / "deepfake/core/sampling.py"))
    return code_version(sampling.evenly_spaced)


def test_edits_of_code_count_and_edits_of_comments_do_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    original = '"""Doc."""\nX = 1\ndef f():\n    return X\n'
    version = version_of_module(monkeypatch, tmp_path / "a", original)
    commented = '"""Other."""\nX = 1  # why\n\n\ndef f():\n    """What."""\n    return X\n'
    assert version_of_module(monkeypatch, tmp_path / "b", commented) == version
    changed = commented.replace("X = 1", "X = 2")
    assert version_of_module(monkeypatch, tmp_path / "c", changed) != version


@pytest.mark.slow
def test_versions_of_packages_count(monkeypatch: pytest.MonkeyPatch) -> None:
    version = code_version(hash_frames)
    assert code_version(hash_frames, ["torch"]) != version
    assert code_version(hash_frames, ["pillow"]) == version, "hash_frames imports it already"
    assert code_version(frame_archive) != version
    monkeypatch.setattr(code, "version", lambda name: "0" if name == "imagehash" else "1")
    first = code_version(hash_frames)
    monkeypatch.setattr(code, "version", lambda _: "1")
    assert code_version(hash_frames) != first


@pytest.mark.parametrize(
    "function", [frame_archive, crop_archive, landmark_archive, embed_tracks, hash_frames]
)
def test_every_imported_module_belongs_to_a_known_package(function: Callable[..., bytes]) -> None:
    script = Path(inspect.getfile(function))
    imports = {module for _, names in code._walk_imports(script, code.TOP) for module in names}
    modules = {name.partition(".")[0] for name in imports} - sys.stdlib_module_names - {"deepfake"}
    known = packages_distributions()
    assert {name for name in modules if name not in known} <= {"dlib"}
    assert ("dlib" not in modules) or "dlib-bin" in DLIB_PACKAGES
    expected = {canonical(name) for module in modules - {"dlib"} for name in known[module]}
    expected |= {"dlib-bin"} & {*DLIB_PACKAGES} if "dlib" in modules else set()
    assert {canonical(name) for name in code._distributions(modules)} == expected


def canonical(name: str) -> str:
    return name.lower().replace("_", "-")


def test_another_build_of_a_package_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code, "RENAMED", {"cv2": "opencv-of-a-stranger"})
    assert code._distributions({"cv2", "numpy", "os", "deepfake", "no_such_module"}) == {
        *packages_distributions()["cv2"],
        "numpy",
    }
