"""How long explaining takes, alone or against another checkout: `python benchmarks/explaining.py [--against PATH] [WORK ...]`.

Every checkout explains the same weights in a process of its own, one after the other in turn, so that whatever else the machine
does meets both; PATH holds a built checkout (`src/headlab` with its kernel). Printed are the least seconds of each, on the clock
and of processors, and their ratios. Works: 1000, one, census, large; all unless some are named.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import headlab as hl
from headlab.analysis.subject import Subject
from headlab.model.params import Params

HERE = Path(__file__).parents[1]
Seconds = tuple[float, float]  # on the clock, of processors


def sentences(explained: Any) -> None:
    """Make every sentence of every run."""
    for item in explained:
        item.sentences()


# By name: what is said of it, of which weights, which runs of them, what is done, how many times in each checkout.
WORKS: dict[str, tuple[str, str, slice, Callable[[Any], object], int]] = {
    "1000": ("1,000 runs of the notebook's problem, every sentence", "notebook", slice(None), sentences, 7),
    "one": ("one of them", "notebook", slice(5, 6), sentences, 7),
    "census": ("the census of 1,000", "notebook", slice(None), lambda explained: explained.census(), 7),
    "large": ("8 runs of d_model 64, n_ctx 64, 2 layers, every sentence", "large", slice(None), sentences, 2),
}


def asked(name: str) -> tuple[hl.Corpus, hl.ModelConfig]:
    """Return the corpus and the model of some weights."""
    if name == "notebook":
        return hl.Corpus.notebook(), hl.ModelConfig()
    between = " ".join(f"word{number}" for number in range(60))
    corpus = hl.Corpus.from_text("\n".join(f"subject{number} {between} the answer{number}" for number in range(2)))
    return corpus, hl.ModelConfig(d_model=64, d_head=16, n_heads=4, n_layers=2, unembed=True, factored_values=True)


def trained(name: str) -> dict[str, np.ndarray]:
    """Return the weights that are explained."""
    if name == "notebook":
        runs = hl.train(*asked(name), seeds=range(1000), record="none", snapshots=None)
    else:
        training = hl.TrainConfig.of(steps=100, learning_rate=0.01, optimizer="adam")
        runs = hl.train(*asked(name), training, seeds=range(8), record="none", snapshots=None)
    return dict(runs.subject.params.items())


def main() -> None:
    """Measure each work, in this checkout and in the one it is held against."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("works", nargs="*", metavar="WORK", help="all unless some are named")
    parser.add_argument("--against", type=Path, help="another checkout, built")
    options = parser.parse_args()
    if unknown := [work for work in options.works if work not in WORKS]:
        parser.error(f"WORK must be one of {', '.join(WORKS)}; got {unknown[0]}")
    timing(options.works or list(WORKS), options.against)


def timing(works: list[str], against: Path | None = None) -> None:
    """Print how long each work takes; against: and in another checkout, with the ratios."""
    checkouts = [HERE, *([] if against is None else [against.resolve()])]
    with tempfile.TemporaryDirectory() as folder:
        for name in dict.fromkeys(WORKS[work][1] for work in works):
            np.savez(Path(folder, name), **trained(name))
        workers = [Worker(checkout, folder) for checkout in checkouts]
        for work in works:
            taken: list[list[Seconds]] = [[] for _ in workers]
            for _ in range(WORKS[work][4]):
                for worker, seconds in zip(workers, taken, strict=True):
                    seconds.append(worker.measure(work))
            print(f"explaining {WORKS[work][0]}: {_told(taken)}", flush=True)
        for worker in workers:
            worker.close()


def _told(taken: list[list[Seconds]]) -> str:
    (clock, used), *others = [tuple(map(min, zip(*seconds, strict=True))) for seconds in taken]
    text = f"{clock:.3f} s ({used:.3f} s of processors)"
    for other_clock, other_used in others:
        text += (
            f", against {other_clock:.3f} s ({other_used:.3f} s): {clock / other_clock:.2f} ({used / other_used:.2f})"
        )
    return text


class Worker:
    """A process in which one checkout explains, when it is asked to."""

    def __init__(self, checkout: Path, folder: str) -> None:
        words = [sys.executable, __file__, "--worker", str(checkout), folder]
        path = {**os.environ, "PYTHONPATH": str(checkout / "src")}
        self.process = subprocess.Popen(words, env=path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def measure(self, work: str) -> Seconds:
        """Return how many seconds one work takes once, on the clock and of processors."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(work, file=self.process.stdin, flush=True)
        clock, used = self.process.stdout.readline().split()
        return float(clock), float(used)

    def close(self) -> None:
        """End the process."""
        self.process.communicate()


def work_on_demand(checkout: Path, folder: Path) -> None:
    """Read works from the input, a line each, and print how long each took."""
    assert Path(hl.__file__).is_relative_to(checkout), (
        f"{checkout} must be explained by its own code, not {hl.__file__}"
    )
    given = {path.stem: dict(np.load(path)) for path in folder.iterdir()}
    for line in sys.stdin:
        _, name, which, work, _ = WORKS[line.strip()]
        weights = {part: weight[which] for part, weight in given[name].items()}
        subject = Subject(Params(**weights), *asked(name))
        began = time.perf_counter(), time.process_time()
        work(hl.explain(subject))
        print(time.perf_counter() - began[0], time.process_time() - began[1], flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        work_on_demand(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        main()
