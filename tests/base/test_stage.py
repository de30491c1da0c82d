"""Tests of base/stage.py: what a user sees when a stage fails."""

import errno
import os

import pytest

from deepfake.base.errors import TrainingError
from deepfake.base.stage import report_errors


def reported(error: Exception) -> str:
    """What the user sees of an error that a stage raises."""
    with pytest.raises(SystemExit) as caught, report_errors():
        raise error
    return str(caught.value.code)


def test_an_error_of_this_project_is_one_line() -> None:
    assert (
        reported(TrainingError("no crops: run `dvc repro`")) == "error: no crops: run `dvc repro`"
    )


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT])
def test_a_disk_error_is_one_line_with_the_file(code: int) -> None:
    message = reported(OSError(code, os.strerror(code), "data/frames/a.tar"))
    assert message.startswith(f"error: data/frames/a.tar: {os.strerror(code)}. Free some space")


@pytest.mark.parametrize("error", [OSError(errno.EIO, "Input/output error"), KeyError("x")])
def test_an_error_that_the_user_cannot_fix_keeps_its_traceback(error: Exception) -> None:
    with pytest.raises(type(error)), report_errors():
        raise error
