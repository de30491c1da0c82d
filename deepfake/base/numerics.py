"""Whether a stage computes the bytes of this machine, or those of every machine (docs/reproducing.md).

Libraries choose their instructions and threads while they are loaded, so `stages` calls
`fix_numerics` before anything else is imported. Processes that a stage starts inherit the choice.
"""

import os
import platform
import sys
from collections.abc import Mapping
from pathlib import Path

import yaml

ANYWHERE = "anywhere"
KEY = "numerics"  # in params.yaml
VARIABLE = "DEEPFAKE_NUMERICS"  # set in stages that compute the bytes of every machine
THREADS = "2"  # their number decides the order of sums; two is what the smallest machines have
CPU_INFO = Path("/proc/cpuinfo")
SETTINGS = {  # every library on AVX2, which all x86-64 processors since 2015 have
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_CBWR": "COMPATIBLE",  # the only one that holds on processors of all makers
    "MKL_DYNAMIC": "FALSE",
    "MKL_NUM_THREADS": THREADS,
    "NPY_DISABLE_CPU_FEATURES": "X86_V4,AVX512_ICL,AVX512_SPR",
    "OMP_DYNAMIC": "FALSE",
    "OMP_NUM_THREADS": THREADS,
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell",
    "OPENBLAS_NUM_THREADS": THREADS,
    "OPENCV_FOR_THREADS_NUM": THREADS,
    "OPENCV_IPP": "avx2",
}
UNWANTED = ("OPENBLAS_L2_SIZE",)  # decides the order of sums too
# Only where the processor has these instructions: elsewhere OpenCV prints a warning.
WITH_AVX512 = {"OPENCV_CPU_DISABLE": "AVX512-SKX"}


def fix_numerics(params: Path) -> None:
    """Set the environment of this process as `numerics` in params.yaml says.

    A process that has loaded NumPy, such as a test that imports a stage, keeps what it has. Mistakes
    in params.yaml are left to `params.loading.load_params`, which follows.
    """
    if "numpy" in sys.modules or _numerics(params) != ANYWHERE:
        return
    if not processor_flags() >= {"avx2", "fma"}:
        print(
            "note: numerics: anywhere holds on Linux on x86-64 with AVX2. This machine computes"
            " results that differ slightly (docs/reproducing.md)",
            file=sys.stderr,
        )
    settings = anywhere_environment(os.environ)
    os.environ.clear()
    os.environ.update(settings)


def anywhere_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment in which every x86-64 processor with AVX2 computes the same bytes."""
    kept = {name: value for name, value in environment.items() if name not in UNWANTED}
    avx512 = WITH_AVX512 if "avx512f" in processor_flags() else {}
    return {**kept, **SETTINGS, **avx512, VARIABLE: ANYWHERE}


def numerics_note() -> list[str]:
    """What a digest of inputs must cover beside params and code; nothing for `machine`."""
    return [f"{KEY} {os.environ[VARIABLE]}"] if VARIABLE in os.environ else []


def processor_flags() -> set[str]:
    """Instruction sets of the processor, as Linux on x86-64 names them; elsewhere nothing."""
    if platform.machine() != "x86_64" or not CPU_INFO.is_file():
        return set()
    lines = CPU_INFO.read_text().splitlines()
    return {flag for line in lines if line.startswith("flags") for flag in line.split()}


def _numerics(params: Path) -> object:
    try:
        content = yaml.safe_load(params.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None
    return content.get(KEY) if isinstance(content, dict) else None
