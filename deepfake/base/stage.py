"""How a stage reports errors."""

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from deepfake.base.errors import DeepfakeError

DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES)


@contextmanager
def report_errors() -> Iterator[None]:
    """Report errors that the user can fix without a traceback, and exit with code 1.

    These are `DeepfakeError` and a full, read-only or forbidden disk. Other exceptions pass.
    """
    try:
        yield
    except DeepfakeError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        if error.errno not in DISK_ERRORS:
            raise
        remedy = "Free some space or fix the permissions, then run it again"
        sys.exit(f"error: {error.filename or 'a file'}: {error.strerror}. {remedy}")
