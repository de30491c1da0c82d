"""How every stage begins and ends."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from deepfake.errors import DeepfakeError
from deepfake.params import Params, load_params


def run(main: Callable[[Params], None]) -> None:
    """Call a stage with params.yaml, `reporting` what goes wrong."""
    with reporting():
        main(load_params())


@contextmanager
def reporting() -> Iterator[None]:
    """Tell what a stage's user can mend without a traceback, and end with exit code 1."""
    try:
        yield
    except DeepfakeError as error:
        sys.exit(f"error: {error}")
