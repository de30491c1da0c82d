"""How every stage begins and ends."""

import errno
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from deepfake.errors import DeepfakeError
from deepfake.params import Params, load_params

OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES)


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
    except OSError as error:
        if error.errno not in OF_THE_DISK:
            raise
        remedy = "Make room or mend its permissions, and run again"
        sys.exit(f"error: {error.filename or 'a file'}: {error.strerror}. {remedy}")
