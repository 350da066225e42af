"""How fast the kernel trains, as ratios taken in one run: `make benchmark`.

Every figure is the best of several repetitions, in microseconds per run and step. PyTorch, JAX and TensorFlow are measured
beside headlab where they are installed, in a process of their own that has one thread (benchmarks/peers).
"""

import os
import time
from collections.abc import Callable

import numpy as np
import one_thread
from peak import NoPeakError, Peak

import headlab as hl
from headlab import engine
from headlab.engine.cost import multiply_adds

REPEATS = 5


def best(work: Callable[[], object]) -> float:
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def per_run_step(problem: engine.Job, n_runs: int, threads: int) -> float:
    rng = np.random.default_rng(0)
    size = problem.shape.n_weights
    weights = rng.uniform(-0.1, 0.1, (n_runs, size)).astype(problem.training.dtype)
    seconds = best(lambda: engine.train_flat(problem, weights, threads=threads))
    return seconds / n_runs / problem.training.steps * 1e6


def notebook(d_head: int = 20, **training: object) -> engine.Job:
    corpus = hl.Corpus.notebook()
    config = hl.TrainConfig(**training)
    return engine.Job(corpus.tokens, corpus.targets, corpus.d_vocab, hl.ModelConfig(d_head=d_head), config)


def of_long_sentences() -> tuple[float, float]:
    """Return microseconds per run and step of two sentences of 64 tokens at d_model 64, and multiply-adds a second."""
    tokens = np.random.default_rng(0).integers(0, 64, (2, 64))
    model = hl.ModelConfig(d_head=16, d_model=64, unembed=True)
    training = hl.TrainConfig.of(steps=20, learning_rate=1e-3)
    problem = engine.Job(tokens, np.roll(tokens, -1, axis=1), 64, model, training)
    micros = per_run_step(problem, 32, 1)
    return micros, sum(multiply_adds(problem)) / (micros * 1e-6)


def of_the_core(rate: float) -> str:
    """Return what share of the core's rate a rate is, where that can be measured."""
    try:
        return f"{rate / Peak(engine.instruction_sets()[0]).measure():.0%} of the core's"
    except NoPeakError as error:
        return f"the core's not measured: {error}"


def main() -> None:
    names = engine.instruction_sets()
    print("The notebook's problem, d_head 20, 5,020 steps, microseconds per run and step")
    for name in names:
        os.environ["HEADLAB_INSTRUCTION_SET"] = name
        one, two = per_run_step(notebook(), 256, 1), per_run_step(notebook(), 256, 2)
        print(f"  {name:8} one thread {one:.3f}   two threads {two:.3f}   ratio {one / two:.2f}")
    os.environ["HEADLAB_INSTRUCTION_SET"] = "avx2" if "avx2" in names else names[0]
    narrow, wide = per_run_step(notebook(14), 64, 1), per_run_step(notebook(320), 64, 1)
    print(f"  d_head 320 over d_head 14: {wide / narrow:.2f} (SGD)")
    double = per_run_step(notebook(dtype="float64"), 64, 1)
    print(f"  float64 over float32: {double / per_run_step(notebook(), 64, 1):.2f}")
    del os.environ["HEADLAB_INSTRUCTION_SET"]  # from here on the widest that there is, or what fits few runs
    micros, rate = of_long_sentences()
    print(
        f"d_model 64, n_ctx 64: {micros:.0f} microseconds, {rate / 1e9:.1f} G multiply-adds a second, {of_the_core(rate)}"
    )
    one_thread.run("peers")


if __name__ == "__main__":
    main()
