"""The program of the page's server: `python -m deepfake.serving.page.server OPTIONS`.

It serves the page with Streamlit's options, given as JSON, and ends with the process that started it,
also if that one is killed. `page_command.run_until_interrupted` starts it.
"""

import json
import os
import signal
import sys
from threading import Thread

from deepfake.serving.uploads import delete_uploads_of

STANDARD_INPUT = 0


def main() -> None:
    """Serve until this process or its parent ends."""
    from deepfake.serving.page.app import page_app

    Thread(target=end_with_parent, daemon=True).start()
    page_app(os.environ).run(config=json.loads(sys.argv[1]))


def end_with_parent() -> None:
    """Wait until the other end of standard input is closed, then kill this process group.

    The parent process holds that end and writes nothing, so only its own end closes it. This works
    on every system, while Linux alone can send a signal at the end of a parent process.
    """
    os.read(STANDARD_INPUT, 1)
    delete_uploads_of(os.getpid())
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    main()
