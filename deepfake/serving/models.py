"""The models that the page offers, with what is known of each."""

import subprocess
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from deepfake.base.errors import ModelError
from deepfake.model.card import CARD, MODELS, STARTER, WEIGHTS
from deepfake.predict.releases import find_release, release_tags, versions_of
from deepfake.predict.source import default_folder

CARD_TEXT = "README.md"  # the model card for people, beside the weights


@dataclass(frozen=True)
class OfferedModel:
    """A model that the page can load.

    Attributes:
        title: as shown; different from those of the others.
        place: as `model` of `Detector.load`.
    """

    title: str
    place: str


def offered_models(model: str | None) -> list[OfferedModel]:
    """The model of the page first, then the trained one, the starter and the releases, if they exist.

    A model that was trained on the demo alone is offered only if it is named.

    Args:
        model: that of the page; None for the default.
    """
    default = default_folder()
    starter = Path(__file__).parents[2] / STARTER
    found = {"trained here": default} if default == MODELS else {}
    found |= {"starter": starter} if (starter / CARD).is_file() else {}
    places = {title: str(folder) for title, folder in found.items()}
    places |= {name: name for name in _released()}
    of_page = str(model or default)
    titles = [title for title, place in places.items() if _same(place, of_page)]
    first = OfferedModel(titles[0] if titles else of_page, of_page)
    others = [OfferedModel(*item) for item in places.items() if item[0] not in titles]
    return [first, *others]


def _same(first: str, second: str) -> bool:
    return first == second or Path(first).resolve() == Path(second).resolve()


def _released() -> list[str]:
    """Names of the released versions in this repository, the newest first."""
    try:
        tags = release_tags(Path())
    except ModelError:  # no repository, or no git
        return []
    return [
        f"{artifact}@{tag.version}"
        for artifact in sorted({tag.artifact for tag in tags})
        for tag in reversed(versions_of([one for one in tags if one.artifact == artifact]))
    ]


def model_date(place: str) -> str:
    """The day of a model, such as "2026-05-01"; "" if it is not known.

    That of the commit of a release or of files in git, else of the last change of the weights.

    Args:
        place: as `model` of `Detector.load`.
    """
    path = Path(place)
    weights = path / WEIGHTS if path.is_dir() else path
    if weights.is_file():
        committed = _git_day(weights.parent, "HEAD", "--", weights.name)
        changed = datetime.fromtimestamp(weights.stat().st_mtime, timezone.utc)
        return committed or changed.date().isoformat()
    try:
        release = find_release(place, Path())
    except ModelError:  # of another repository
        return ""
    return _git_day(Path(), release.commit if release else place)


def _git_day(folder: Path, *what: str) -> str:
    command = ["git", "log", "-1", "--format=%cs", *what]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError:  # no git
        return ""
    return done.stdout.strip()


def card_text(place: str) -> bytes | None:
    """The model card for people; None if the model is no folder here, or has none."""
    path = Path(place, CARD_TEXT)
    return path.read_bytes() if path.is_file() else None
