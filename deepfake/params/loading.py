"""Reading params.yaml, and telling what is wrong with it."""

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from deepfake.base.errors import ParamsError
from deepfake.params.schema import Params

Checked = TypeVar("Checked", bound=Params)


def checked(kind: type[Checked], content: Any, what: str) -> Checked:
    """Params of content that was read from YAML.

    Raises:
        ParamsError: `what` has mistakes, naming each key that is missing, unknown, of another type or
            out of range.
    """
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        lines = [
            f"  {'.'.join(map(str, item['loc'])) or 'params'}: {item['msg']}"
            for item in error.errors()
        ]
        raise ParamsError("\n".join([f"{what} has mistakes:", *lines])) from error


def read_yaml(path: Path) -> Any:
    """What a file of params says.

    Raises:
        ParamsError: it is missing or not YAML.
    """
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ParamsError(f"{path} is missing: run this from the repository's top") from error
    except yaml.YAMLError as error:
        raise ParamsError(f"{path} is not valid YAML: {error}") from error


def load_params(path: Path = Path("params.yaml")) -> Params:
    """Read and check params.yaml.

    Raises:
        ParamsError: as `read_yaml` and `checked`.
    """
    return checked(Params, read_yaml(path), str(path))
