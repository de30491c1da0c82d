"""Names of released models: git tags in GTO's grammar, in this and in another repository."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from trees import IDENTITY, commit, tree

from deepfake.base.errors import ModelError
from deepfake.predict.releases import find_release
from deepfake.predict.source import git_address, model_folder, pinned


class Registry:
    """A git repository with one commit per version; each tag is a second later than the last."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seconds = 1_700_000_000
        self.git("init", "--quiet", "--initial-branch", "main")

    def git(self, *command: str) -> str:
        self.seconds += 1
        environment = {**os.environ, "GIT_COMMITTER_DATE": f"@{self.seconds} +0000"}
        done = subprocess.run(
            ["git", *IDENTITY, *command],
            cwd=self.folder,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def model(self, content: str) -> str:
        """Commit a model that is in git, and return the commit."""
        names = ("model.safetensors", "model.json", "model.onnx")
        tree(self.folder, files={f"models/{name}": content for name in names})
        commit(self.folder)
        return self.git("rev-parse", "HEAD")

    def tag(self, name: str, revision: str = "HEAD") -> None:
        self.git("tag", "--annotate", name, "--message", name, revision)

    def found(self, name: str) -> str:
        release = find_release(name, self.folder)
        assert release is not None
        return f"{release.version} {release.commit}".strip()

    def refused(self, name: str) -> str:
        with pytest.raises(ModelError) as error:
            find_release(name, self.folder)
        return str(error.value)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    (tmp_path / "registry").mkdir()
    return Registry(tmp_path / "registry")


def test_versions_and_stages(registry: Registry) -> None:
    first = registry.model("first")
    assert registry.refused("model@v1.0.0").startswith("model@v1.0.0 is not found: no version of")
    registry.git("tag", "model@v1.0.0")
    assert "an annotated tag" in registry.refused("model@v1.0.0"), "this one is lightweight"
    registry.git("tag", "--delete", "model@v1.0.0")
    registry.tag("model@v1.0.0")
    assert registry.found("model@v1.0.0") == f"v1.0.0 {first}"
    assert "nothing is in the stage prod; the stages are: none" in registry.refused("model#prod")
    registry.tag("model#prod#1")
    assert registry.found("model#prod") == f"v1.0.0 {first}"

    second = registry.model("second")
    registry.tag("other@v9.0.0")
    registry.tag("not-of-gto")
    registry.tag("model@v1.10.0")
    registry.tag("model#prod#2", "model@v1.10.0")  # a tag of a tag, which GTO cannot read
    registry.tag("model@v1.9.0", first)
    assert registry.found("model#prod") == f"v1.10.0 {second}"
    assert registry.found("model@latest") == f"v1.10.0 {second}"

    third = registry.model("third")
    registry.tag("model#dev#3")
    assert registry.found("model#dev") == third, "no version has this commit"
    stages = f"the stages are: dev ({third[:7]}), prod (v1.10.0)"
    assert stages in registry.refused("model#staging")
    assert "the versions are: v1.0.0, v1.9.0, v1.10.0" in registry.refused("model@v3.0.0")
    assert "no version of model2" in registry.refused("model2@v1.0.0")


def test_what_was_taken_back(registry: Registry) -> None:
    first = registry.model("first")
    registry.tag("model@v1.0.0")
    registry.tag("model#prod#1")
    second = registry.model("second")
    registry.tag("model@v2.0.0")
    registry.tag("model#prod#2")
    registry.tag("model#prod!#3")
    assert registry.found("model#prod") == f"v1.0.0 {first}", "the one assigned before"
    registry.tag("model#prod#4")
    assert registry.found("model#prod") == f"v2.0.0 {second}"
    registry.tag("model@v2.0.0!")
    assert registry.found("model#prod") == f"v1.0.0 {first}"
    assert registry.found("model@latest") == f"v1.0.0 {first}"
    text = registry.refused("model@v2.0.0")
    assert "was taken back (tag model@v2.0.0!): use another version (v1.0.0), or" in text
    assert text.endswith(f"--model {second[:7]}")
    registry.tag("model#prod!#5", first)
    assert "the stages are: none" in registry.refused("model#prod")
    registry.tag("model@deprecated")
    for name in ("model#prod", "model@v1.0.0"):
        assert "model is deprecated (tag model@deprecated)" in registry.refused(name)
    registry.tag("model@v3.0.0")
    assert registry.found("model@v3.0.0") == f"v3.0.0 {second}", "a later version is used again"


def test_other_names_are_no_releases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("main", "models", "model@1.0.0", "git@host:org/repo", "s3://bucket/a@v1.0.0"):
        assert find_release(name, tmp_path) is None
    with pytest.raises(ModelError, match=r"the tags of .* could not be read"):
        find_release("model@v1.0.0", tmp_path)
    (tmp_path / "model@v1.0.0").mkdir()
    monkeypatch.chdir(tmp_path)
    assert pinned("model@v1.0.0") == ("model@v1.0.0", None), "a folder takes precedence"
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ModelError, match="git is not installed"):
        find_release("model#prod", tmp_path)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("https://host/org/repo@main", ("https://host/org/repo", "main")),
        ("https://me@host/repo.git@model@v1.0.0", ("https://me@host/repo.git", "model@v1.0.0")),
        ("ssh://git@host/repo@feature/one", ("ssh://git@host/repo", "feature/one")),
        ("git@host:org/repo.git@model#prod", ("git@host:org/repo.git", "model#prod")),
        ("file:///srv/repo@1a2b3c4", ("file:///srv/repo", "1a2b3c4")),
        ("https://me@host/models", None),
        ("git@host:org/repo.git", None),
        ("s3://bucket/models@2", None),
        ("nowhere@main", None),
        ("main", None),
    ],
)
def test_addresses_of_repositories(model: str, expected: tuple[str, str] | None) -> None:
    assert git_address(model) == expected


@pytest.mark.slow
def test_the_model_of_another_repository(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By folder and by address, which is cloned; a release, a branch and a commit."""
    first = registry.model("first")
    registry.tag("model@v1.0.0")
    registry.tag("model#prod#1")
    second = registry.model("second")
    monkeypatch.chdir(tmp_path)
    for repository in (str(registry.folder), registry.folder.as_uri()):
        for revision, content, commit_of in (
            ("model#prod", "first", first),
            ("model@v1.0.0", "first", first),
            ("main", "second", None),
            (second, "second", None),
        ):
            place, release = pinned(f"{repository}@{revision}")
            assert (release and release.commit) == commit_of
            with model_folder(place) as folder:
                assert (folder / "model.json").read_text() == content
        with pytest.raises(ModelError, match="nothing is in the stage dev; the stages are: prod"):
            pinned(f"{repository}@model#dev")
        with (
            pytest.raises(ModelError, match="use a branch, tag or commit"),
            model_folder(f"{repository}@nothing"),
        ):
            pass
    with pytest.raises(ModelError, match=r"could not be cloned .*`git ls-remote`"):
        pinned(f"{(tmp_path / 'nowhere').as_uri()}@model#prod")


@pytest.mark.slow
def test_a_detector_says_which_version_it_is(
    registry: Registry,
    random_model: Path,
    portable: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As `deepfake predict`, `serve` and `app` load it."""
    from deepfake.predict.detector import Detector

    shutil.copytree(random_model, registry.folder / "models")
    shutil.copy(portable, registry.folder / "models")
    commit(registry.folder)
    registry.tag("model@v1.0.0")
    registry.tag("model#prod#1")
    for place, name in (
        (registry.folder, "model#prod"),
        (tmp_path, f"{registry.folder}@model#prod"),
    ):
        monkeypatch.chdir(place)
        for runtime in ("torch", "onnx"):
            with Detector.load(name, runtime=runtime) as detector:
                assert detector.notes[0].startswith("model#prod is v1.0.0, commit ")
                assert detector.card.origin["datasets"] == ["demo"]
