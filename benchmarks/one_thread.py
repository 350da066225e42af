"""A process of its own for what must have one thread: libraries read how many they may use before they are imported."""

import os
import subprocess
import sys
from pathlib import Path

SETTINGS = {
    **{f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS", "VECLIB_MAXIMUM")},
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}


def run(module: str) -> None:
    """Run a module that stands beside this one, with one thread for every library; raises `CalledProcessError` where it fails."""
    path = os.pathsep.join(filter(None, (str(Path(__file__).parent), os.environ.get("PYTHONPATH"))))
    sys.stdout.flush()
    subprocess.run([sys.executable, "-m", module], env=os.environ | SETTINGS | {"PYTHONPATH": path}, check=True)
