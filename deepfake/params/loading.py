"""Read params.yaml and report the mistakes in it."""

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from deepfake.base.errors import ParamsError
from deepfake.base.stage import report_errors
from deepfake.params.schema import Params

ParamsType = TypeVar("ParamsType", bound=Params)


def check_params(schema: type[ParamsType], content: Any, source: str) -> ParamsType:
    """Turn content that was read from YAML into typed params.

    Args:
        schema: `Params` or a class derived from it.
        content: what was read.
        source: where it was read from, for messages.

    Raises:
        ParamsError: `content` has mistakes; names each key that is missing, unknown, of another
            type or out of range.
    """
    try:
        return schema.model_validate(content)
    except ValidationError as error:
        lines = [
            f"  {'.'.join(map(str, item['loc'])) or 'params'}: {item['msg']}"
            for item in error.errors()
        ]
        title = f"{source} has mistakes (docs/upgrading.md lists the keys that changed):"
        raise ParamsError("\n".join([title, *lines])) from error


def read_yaml(path: Path) -> Any:
    """Content of a YAML file.

    Raises:
        ParamsError: the file is missing or not YAML.
    """
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ParamsError(
            f"{path} is missing: run this from the top folder of the repository"
        ) from error
    except yaml.YAMLError as error:
        raise ParamsError(f"{path} is not valid YAML: {error}") from error


def load_params(path: Path = Path("params.yaml")) -> Params:
    """Read and check params.yaml.

    Raises:
        ParamsError: the file is missing, not YAML, or has mistakes; see `check_params`.
    """
    return check_params(Params, read_yaml(path), str(path))


if __name__ == "__main__":  # run by `make repro`, since DVC reports mistakes less clearly
    with report_errors():
        load_params()
