"""What a run was made on, as far as its bytes depend on it: told, and never written to an out."""

import hashlib
import platform
import re
from pathlib import Path

LOCK = Path("requirements.lock")
CPU_INFO = Path("/proc/cpuinfo")  # of Linux
DIGITS = 12  # of a digest


def processor() -> str:
    """The name of the processor."""
    if CPU_INFO.is_file():
        names = re.findall(r"^model name\s*:\s*(.+)$", CPU_INFO.read_text(), re.MULTILINE)
        if names:
            return str(names[0])
    return platform.processor() or platform.machine()


def describe_machine() -> str:
    """Processor, instruction set and threads that torch uses, in one line."""
    import torch

    instructions = torch.backends.cpu.get_cpu_capability()
    return f"{processor()}, {instructions}, {torch.get_num_threads()} threads"


def lock_digest() -> str:
    """The first digits of the SHA-256 of requirements.lock in the current folder.

    Raises:
        FileNotFoundError: there is none.
    """
    return hashlib.sha256(LOCK.read_bytes()).hexdigest()[:DIGITS]
