"""The program of a worker process: `python -m deepfake.jobs.worker_main FD`.

`jobs.worker.Worker` starts it and communicates with it through the socket FD. It imports only what
the function needs, so it starts in a fraction of a second.
"""

import ctypes
import resource
import signal
import sys
import traceback
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from deepfake.base.errors import DeepfakeError

PR_SET_PDEATHSIG = 1  # of Linux's prctl: the signal that a process gets when its parent ends


def main() -> None:
    """Answer calls until the parent process closes the connection."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent process ends this one
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    with suppress(EOFError, ConnectionError):
        answer_calls(Connection(int(sys.argv[1])))


def answer_calls(connection: Connection) -> None:
    """Call functions for the parent process.

    The first message is (limit in seconds, limit of memory in bytes, function to import), and the
    answer is the limit of memory that holds, as `limit_memory` returns it. Each further message is
    (function, path, arguments), and the answer is the function's bytes, its DeepfakeError, or of
    another exception: whether it is a lack of memory, its name and its traceback.

    Raises:
        EOFError: the parent process closed the connection.
        ConnectionError: the same, while a message was read or written.
    """
    seconds, memory, _ = connection.recv()
    connection.send(limit_memory(memory))
    while True:
        function, path, arguments = connection.recv()
        signal.alarm(seconds)  # ends a hanging process whose parent was killed
        try:
            answer: Any = function(path, **arguments)
        except DeepfakeError as error:
            answer = error
        except Exception as error:
            lacks_memory = isinstance(error, MemoryError)
            answer = (lacks_memory, type(error).__name__, traceback.format_exc())
        signal.alarm(0)
        connection.send(answer)


def limit_memory(wanted: int) -> int:
    """Limit the memory of this process, in bytes; returns the limit.

    It is a lower one where the process inherits a lower hard limit, as on clusters, since nobody
    but root may raise that.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    memory = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    return memory


if __name__ == "__main__":
    main()
