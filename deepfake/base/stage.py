"""How every stage ends when something is wrong."""

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from deepfake.base.errors import DeepfakeError

DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES)


@contextmanager
def reporting() -> Iterator[None]:
    """Report what the user can fix in one line, without a traceback, and exit with code 1."""
    try:
        yield
    except DeepfakeError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        if error.errno not in DISK_ERRORS:
            raise
        remedy = "Free some space or fix the permissions, then run it again"
        sys.exit(f"error: {error.filename or 'a file'}: {error.strerror}. {remedy}")
