"""How many multiply-adds a second a core does, each rounded twice: measured by peak.cpp, where there is a compiler."""

import ctypes
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from timing import processor_seconds

SOURCE = Path(__file__).with_name("peak.cpp")
OPTIONS = {"avx512": ("-mavx512f", "-mprefer-vector-width=512"), "avx2": ("-mavx2",)}
ROUNDS, TIMES = 1 << 21, 5


class NoPeakError(Exception):
    """Why a peak cannot be measured, in one line."""


class Peak:
    """The highest rate that was seen so far; raises `NoPeakError` where no compiler is, or none that works.

    instruction_set: as the engine names them
    """

    def __init__(self, instruction_set: str) -> None:
        compilers = (shutil.which(name) for name in (os.environ.get("CXX", "c++"), "g++", "clang++"))
        compiler = next((path for path in compilers if path), None)
        if compiler is None:
            raise NoPeakError("there is no C++ compiler")
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            library = Path(folder) / "peak.so"
            options = ["-O2", "-ffp-contract=off", "-shared", "-fPIC", *OPTIONS.get(instruction_set, ())]
            made = subprocess.run([compiler, *options, SOURCE, "-o", library], capture_output=True, text=True)
            if made.returncode != 0:
                raise NoPeakError(f"{compiler} cannot compile {SOURCE.name}")
            self._run = ctypes.CDLL(str(library)).multiply_adds
        self._run.restype, self._run.argtypes = (
            ctypes.c_long,
            (ctypes.c_long, ctypes.c_float, ctypes.c_float, ctypes.c_void_p),
        )
        self.rate = 0.0
        self.measure()

    def measure(self) -> float:
        """Look again, some tenths of a second, and return the highest multiply-adds a second of all looks."""
        out, done = ctypes.c_float(), 0

        def run() -> None:
            nonlocal done
            done = self._run(ROUNDS, 0.5, 1.0, ctypes.byref(out))

        for _ in range(TIMES):
            taken = processor_seconds(run)
            self.rate = max(self.rate, done / taken)
        assert out.value > 0  # it was computed
        return self.rate
