"""Is a seed the same run here as everywhere? The golden settings trained again, and their hashes beside the golden ones."""

import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import headlab
from headlab import engine
from headlab.data.corpus import Corpus
from headlab.engine import golden
from headlab.engine.backend import kernel
from headlab.engine.problem import fitting_instruction_set, instruction_sets
from headlab.errors import ConfigError, Problem
from headlab.notation.values import short_repr
from headlab.runs.train import Progress, thread_count

SEEDS = range(golden.FILE["seeds"]["many"])
SETTINGS = golden.Golden.all_of(golden.FILE)


@dataclass(frozen=True, repr=False)
class Verification:
    """What came of training the golden settings in this process.

    backend, instruction_set, numerics: of the kernel that trained; threads: how many it could take
    hashes, golden: SHA-256 of the weights that the seeds end with, here and as they should be, by the setting's name
    seconds: how long it took; processor: its name, as the system has it
    """

    backend: str
    instruction_set: str
    numerics: int
    hashes: Mapping[str, str]
    golden: Mapping[str, str]
    threads: int
    seconds: float
    processor: str

    @property
    def differ(self) -> list[str]:
        """The settings whose weights are other ones here."""
        return [name for name, found in self.hashes.items() if found != self.golden[name]]

    @property
    def agree(self) -> bool:
        """Whether all settings have their golden hash."""
        return not self.differ

    def to_dict(self) -> dict[str, Any]:
        """Return all of it, with the versions of headlab, Python and NumPy, and the system, as plain values."""
        return {
            "headlab": headlab.__version__,
            "backend": self.backend,
            "instruction_set": self.instruction_set,
            "numerics": self.numerics,
            "agree": self.agree,
            "differ": self.differ,
            "hashes": dict(self.hashes),
            "golden": dict(self.golden),
            "seeds": len(SEEDS),
            "threads": self.threads,
            "seconds": round(self.seconds, 3),
            "processor": self.processor,
            "platform": platform.platform(),
            "python": platform.python_version(),
            "numpy": np.__version__,
        }

    def __repr__(self) -> str:
        agree = len(self.hashes) - len(self.differ)
        kernel = f"{self.backend} ({self.instruction_set}), numerics {self.numerics}"
        return f"Verification({kernel}: {agree} of {len(self.hashes)} settings agree)"


def verify(
    *,
    instruction_set: str | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Verification:
    """Train the golden settings, 64 seeds each, and return the hashes of their weights beside the golden ones.

    instruction_set: the one that trains, the one in use when left out
    threads: how many processors to use, all that this process may use when left out
    progress: called with the share that is done
    Raises `ConfigError` for an instruction set that is not there, `KeyboardInterrupt` on Ctrl-C: then nothing is said.
    """
    name = fitting_instruction_set(len(SEEDS), float64=False) if instruction_set is None else instruction_set
    if name not in instruction_sets():
        said = f"instruction_set must be one of {', '.join(instruction_sets())}, got {short_repr(name)}"
        raise ConfigError(Problem(said, "instruction_set"))
    most, began = engine.default_threads(), time.perf_counter()
    count = min(thread_count(threads) or most, most)
    hashes = _hashes(name, count, progress)
    return Verification(
        backend=engine.chosen_backend(),
        instruction_set=name,
        numerics=kernel().NUMERICS,
        hashes=hashes,
        golden={setting.name: setting.sha256["many"] for setting in SETTINGS},
        threads=count,
        seconds=time.perf_counter() - began,
        processor=_processor(),
    )


def _hashes(name: str, threads: int, progress: Progress | None) -> dict[str, str]:
    """Return the hash of every setting's weights, trained with an instruction set."""
    corpus, found = Corpus.notebook(), dict[str, str]()
    steps = [len(SEEDS) * setting.training.steps for setting in SETTINGS]
    for number, setting in enumerate(SETTINGS):
        job = engine.Job.of(corpus, setting.model, setting.training)
        trained = engine.train_flat(
            job,
            engine.initial_flat(job, np.arange(len(SEEDS), dtype=np.uint64), name),
            threads=threads,
            poll=None if progress is None else partial(_tell, progress, sum(steps), sum(steps[:number])),
            instruction_set=name,
        )
        if trained.interrupted:
            left = f"{number} of {len(SETTINGS)} settings had been trained, and nothing is said of any"
            raise KeyboardInterrupt(f"interrupted: {left}")
        found[setting.name] = golden.sha256(trained.weights, corpus.batch.order, job.shape)
    if progress is not None:
        progress(1.0)
    return found


def _tell(progress: Progress, whole: int, before: int, done: int) -> None:
    progress((before + done) / whole)


def _processor() -> str:
    """Return what the system calls its processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()
