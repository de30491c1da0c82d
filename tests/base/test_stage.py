"""What a user sees when a stage cannot go on."""

import errno
import os

import pytest

from deepfake.base.errors import TrainingError
from deepfake.base.stage import reporting


def reported(error: Exception) -> str:
    """What a user reads of an error that is raised in a stage."""
    with pytest.raises(SystemExit) as caught, reporting():
        raise error
    return str(caught.value.code)


def test_an_error_of_ours_is_one_line() -> None:
    assert (
        reported(TrainingError("no crops: run `dvc repro`")) == "error: no crops: run `dvc repro`"
    )


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT])
def test_a_disk_that_takes_nothing_is_one_line_with_the_file(code: int) -> None:
    found = reported(OSError(code, os.strerror(code), "data/frames/a.tar"))
    assert found.startswith(f"error: data/frames/a.tar: {os.strerror(code)}. Free some space")


@pytest.mark.parametrize("error", [OSError(errno.EIO, "Input/output error"), KeyError("x")])
def test_what_the_user_cannot_mend_keeps_its_traceback(error: Exception) -> None:
    with pytest.raises(type(error)), reporting():
        raise error
