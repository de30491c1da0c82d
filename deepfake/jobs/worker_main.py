"""A process that does one video after the other: `python -m deepfake.worker FD`.

`deepfake.parallel` starts it and talks to it through the socket FD. It imports only what it is
asked for, so it is there in a fraction of a second.
"""

import resource
import signal
import sys
import traceback
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from deepfake.base.errors import DeepfakeError


def main() -> None:
    """Answer calls until the other side is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process ends this one
    with suppress(EOFError, ConnectionError):
        answer_calls(Connection(int(sys.argv[1])))


def answer_calls(connection: Connection) -> None:
    """Do what is asked for.

    The first message is (seconds, bytes of memory, a function to import); then come (function, path,
    arguments), and the answer is the function's bytes, its DeepfakeError, or the name and traceback
    of another exception.

    Raises:
        EOFError, ConnectionError: the other side is gone.
    """
    seconds, memory, _ = connection.recv()
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    connection.send(True)
    while True:
        function, path, arguments = connection.recv()
        signal.alarm(seconds)  # ends a hanging process that nobody is left to kill
        try:
            answer: Any = function(path, **arguments)
        except DeepfakeError as error:
            answer = error
        except Exception as error:
            kind = MemoryError if isinstance(error, MemoryError) else type(error)
            answer = (kind.__name__, traceback.format_exc())
        signal.alarm(0)
        connection.send(answer)


if __name__ == "__main__":
    main()
