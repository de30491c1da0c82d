"""How every stage begins and ends."""

import sys
from collections.abc import Callable

from deepfake.errors import DeepfakeError
from deepfake.params import Params, load_params


def run(main: Callable[[Params], None]) -> None:
    """Call a stage with params.yaml; what its user can mend is told without a traceback."""
    try:
        main(load_params())
    except DeepfakeError as error:
        sys.exit(f"error: {error}")
