"""Which way a training goes, measured against the other: `python benchmarks/ways.py`.

A training takes one run after the other, each with its own columns in the lanes, or groups with a run in every lane, whichever
takes less by counting (kernel/work.cpp). Here both are timed on every instruction set, beside what was counted.
"""

import argparse
import time
from collections.abc import Iterator

import numpy as np

import headlab as hl
from headlab import engine
from headlab.engine import backend
from headlab.engine.problem import lanes_of
from headlab.engine.trainer import problem_of, recipe_of

ALONE, GROUPS = 1, 2
REPEATS = 5
SHAPES = (  # d_model, n_ctx, heads, layers, sentences
    (8, 8, 1, 1, 2),
    (8, 16, 2, 2, 4),
    (16, 8, 1, 1, 2),
    (16, 16, 4, 1, 8),
    (24, 12, 2, 2, 4),
    (32, 16, 1, 2, 4),
    (32, 32, 4, 2, 8),
    (64, 16, 4, 1, 4),
    (64, 64, 4, 2, 4),
    (64, 64, 1, 1, 2),
    (128, 32, 4, 2, 2),
)


def jobs() -> Iterator[tuple[str, engine.Job]]:
    for d_head in (1, 10, 20):
        yield f"notebook, d_head {d_head}", _job(hl.Corpus.notebook(), hl.ModelConfig(d_head=d_head), 600)
    rng = np.random.default_rng(0)
    for d, n_ctx, heads, layers, sentences in SHAPES:
        ids = rng.integers(0, 64, (sentences, n_ctx))
        model = hl.ModelConfig(
            d_head=d // heads, d_model=d, n_heads=heads, n_layers=layers, unembed=True, factored_values=True
        )
        training = hl.TrainConfig.of(steps=max(4, 4000 // (d * layers * sentences)))
        job = engine.Job(ids, np.roll(ids, -1, axis=1), 64, model, training)
        yield f"{d} wide, {n_ctx} positions, {heads} heads, {layers} layers, {sentences} sentences", job


def _job(corpus: hl.Corpus, model: hl.ModelConfig, steps: int) -> engine.Job:
    return engine.Job(corpus.tokens, corpus.targets, corpus.d_vocab, model, hl.TrainConfig.of(steps=steps))


def seconds(job: engine.Job, n_runs: int, name: str, at_once: int) -> float:
    """CPU seconds of a step, the least of several."""
    weights = np.random.default_rng(0).uniform(-0.1, 0.1, (n_runs, job.shape.n_weights)).astype(np.float32)
    times = []
    for _ in range(REPEATS):
        began = time.process_time()
        engine.train_flat(job, weights, threads=1, instruction_set=name, at_once=at_once)
        times.append(time.process_time() - began)
    return min(times) / sum(phase.steps for phase in job.training.phases)


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    print("A step of one run alone, of a group with a run in every lane; their ratio, and as it was counted")
    for label, job in jobs():
        print(label)
        for name in engine.instruction_sets():
            lanes = lanes_of(name, False)
            alone, group = seconds(job, 1, name, ALONE), seconds(job, lanes, name, GROUPS)
            counted = [
                backend.kernel().way(problem_of(job, np.float32, 1, 1, name, at_once), recipe_of(job.training), 1)[2]
                for at_once in (ALONE, GROUPS)
            ]
            print(
                f"  {name:8} {alone * 1e6:9.1f} {group * 1e6:9.1f} microseconds   "
                f"{alone / group:.3f}, counted {counted[0] / counted[1]:.3f}   {lanes * alone / group:.2f} of a run in a group"
            )


if __name__ == "__main__":
    main()
