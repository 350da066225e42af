"""Trainings on fresh batches: their rate beside the core's, and what drawing takes: `python benchmarks/drawn.py`.

Of each task one step of its first recipe, without what is held out: the least processor time of several stretches of one
thread, of one run and of as many as there are lanes. Multiply-adds are those that the kernel does (engine/cost.py: three times
forward, rows that nobody asks for left out); the core's rate is measured in turns with them (peak.cpp). Of a table nothing is
drawn but its order. `--steps N` takes shorter stretches.
"""

import argparse
from collections.abc import Iterable

import numpy as np
from peak import Peak
from timing import processor_seconds

import headlab as hl
from headlab import engine
from headlab.engine.cost import multiply_adds
from headlab.engine.feeding import pieces
from headlab.engine.problem import lanes_of
from headlab.engine.trainer import initial_flat

TASKS = ("sort1", "sort10", "induction", "markov", "cumsum", "max4")
STEPS, REPEATS = 24, 5


def first_recipe(name: str, steps: int) -> engine.Job:
    """Return a job of so many steps of a task's first recipe, with nothing held out."""
    task = hl.tasks[name]
    recipe = next(iter(task.recipes.values()))
    phase = recipe.training.phases[0].replace(steps=steps, plateau=None)
    training = recipe.training.replace(phases=(phase,), evaluate_every=0, evaluate_on=1024, stop_at=None, stop_count=1)
    return engine.Job.of(task.dataset, recipe.model, training)


def draw(job: engine.Job) -> None:
    for _ in pieces(job, 0, job.training.data_seed):
        pass


def measured(job: engine.Job, runs: int, steps: int, peak: Peak) -> tuple[float, float]:
    """Return the least seconds of a step: of the training, drawing included, and of drawing."""
    weights = initial_flat(job, np.arange(runs, dtype=np.uint64))
    whole, drawing = [], []
    for _ in range(REPEATS):
        whole.append(processor_seconds(lambda: engine.train_flat(job, weights, threads=1)) / steps)
        drawing.append(processor_seconds(draw, job) / steps)
        peak.measure()
    return min(whole), min(drawing)


def line(name: str, steps: int, peak: Peak) -> Iterable[str]:
    job = first_recipe(name, steps)
    adds = sum(multiply_adds(job))
    for runs in (1, lanes_of(engine.instruction_sets()[0], False)):
        whole, drawing = measured(job, runs, steps, peak)
        rate = runs * adds / (whole - drawing)
        yield (
            f"{name:10} {runs:3} runs {whole * 1e3:8.2f} ms a step, {adds / 1e6:6.1f} M multiply-adds a run and step, "
            f"{rate / 1e9:5.1f} G a second, {rate / peak.rate:4.0%} of the core's {peak.rate / 1e9:.1f}; "
            f"drawing {drawing * 1e3:.2f} ms, {drawing / whole:.1%}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", nargs="*", help=f"all of {', '.join(TASKS)} when left out")
    parser.add_argument("--steps", type=int, default=STEPS)
    asked = parser.parse_args()
    peak = Peak(engine.instruction_sets()[0])
    for name in asked.tasks or TASKS:
        for said in line(name, asked.steps, peak):
            print(said, flush=True)


if __name__ == "__main__":
    main()
