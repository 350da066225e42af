"""What a study costs: the homework's second item from the shell, on two Dask workers, and tables of very many runs.

`python benchmarks/studies.py`. The tables of many runs hold the rows of 1,000 real runs over and over, under other seeds: what
is measured is how they are stored, opened and summed up, not their training.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import headlab as hl
from headlab.study.blocks import block_size
from headlab.study.design import StudyDesign
from headlab.study.study import COMPUTE, Study
from headlab.study.study_file import template
from headlab.study.work import Task

MANY = 1_000_000
IN_MEMORY = """
import headlab as hl
runs = hl.train(hl.Corpus.notebook(), hl.ModelConfig(d_head=20), hl.TrainConfig.of(steps=20), seeds=range(100_000), record="none")
runs.solved().sum(), runs.table()
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(int(peak.split()[1]) / 1e6)
"""


@contextlib.contextmanager
def timed(what: str) -> Iterator[None]:
    """Print how long a block took."""
    began = time.perf_counter()
    yield
    print(f"{what:72} {time.perf_counter() - began:8.2f} s", flush=True)


def from_the_shell(folder: Path) -> None:
    """The study that `headlab study new` writes: 3 head sizes, 1,000 runs each, 5,020 steps, weights kept."""
    (folder / "sizes.toml").write_text(template())
    for what in ("3 head sizes x 1,000 runs x 5,020 steps, from the shell", "the same again: nothing left to train"):
        with timed(what):
            subprocess.run(
                [sys.executable, "-m", "headlab", "study", "run", "sizes.toml"],
                cwd=folder,
                check=True,
                stdout=subprocess.DEVNULL,
            )
    with timed("its answer, from the shell"):
        subprocess.run(
            [sys.executable, "-m", "headlab", "study", "show", "sizes"],
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )


def on_two_workers(folder: Path) -> None:
    """The same study on a Dask scheduler with two workers, and whether its bytes are the same."""
    try:
        from distributed import LocalCluster
    except ImportError:
        print("two Dask workers: not measured, install headlab[cluster]")
        return
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        there = Study.create(folder / "there", StudyDesign.from_toml(folder / "sizes.toml"))
        with timed("the same on two Dask workers"):
            there.run(cluster=cluster.scheduler_address)
    here = Study(folder / "sizes")
    names = [[chunk.path.name for chunk in study.store.chunks()] for study in (here, there)]
    exports = [study.export(folder / "export.csv").read_bytes() for study in (here, there)]
    print(f"chunks named by the same hashes: {names[0] == names[1]}; exports equal: {exports[0] == exports[1]}")


def very_many_rows(folder: Path) -> None:
    """A table of a million runs: written in chunks as a study writes them, opened, asked, summed up."""
    training = hl.TrainConfig.of(steps=1500)
    design = StudyDesign.grid(
        hl.Corpus.notebook(), seeds=range(MANY // 4), training=training, keep=[], d_head=[5, 10, 20, 40]
    )
    study, size = Study.create(folder / "many", design), block_size(design)
    with timed(f"{MANY:,} rows written, in chunks of {size:,}"):
        for identity, condition in design.identities.items():
            result = COMPUTE(design, Task(identity, condition, 0, tuple(range(size))))
            assert result is not None
            for block, start in enumerate(range(0, len(design.seeds), size)):
                seeds = np.arange(start, min(start + size, len(design.seeds)), dtype=np.uint64)
                some = {
                    name: values[: len(seeds)] if isinstance(values, np.ndarray) else values
                    for name, values in result.rows.items()
                }
                study.store.commit(identity, block, {**some, "seed": seeds}, {})
    print(
        f"on the disk: {sum(path.stat().st_size for path in study.store.folder.rglob('*') if path.is_file()) / 1e6:.1f} MB"
    )
    with timed("opened, every hash checked, solved share and median loss by d_head"):
        frame = Study(study.store.folder).sql(
            "select d_head, avg(solved::int), median(final_loss) from runs group by all"
        )
    assert len(frame) == 4
    with timed("opened and summed up: intervals, tests, mechanisms, sentences"):
        Study(study.store.folder).answer().sentences()
    with timed("the whole table in pandas"):
        assert len(study.table()) == MANY
    with timed("what is missing of it"):
        assert study.run() == 0


def main() -> None:
    """Measure everything once."""
    print(f"{os.cpu_count()} processors; one measurement each, in one go")
    with tempfile.TemporaryDirectory() as name:
        from_the_shell(Path(name))
        on_two_workers(Path(name))
        very_many_rows(Path(name))
    peak = subprocess.run([sys.executable, "-c", IN_MEMORY], capture_output=True, text=True, check=True).stdout
    print(f"100,000 runs in memory, d_head 20, with their table: {float(peak):.2f} GB at most")


if __name__ == "__main__":
    main()
