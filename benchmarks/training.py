"""How fast the kernel trains, as ratios taken in one run: `make benchmark`.

Every figure is the best of several repetitions, in microseconds per run and step. PyTorch is measured in
the same process when it is installed, and left out when it is not.
"""

import importlib.util
import os
import time
from collections.abc import Callable

import numpy as np

import headlab as hl
from headlab import engine

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


def multiply_adds(d_vocab: int, d: int, h: int, t: int, b: int) -> float:
    """Multiply-adds of one training step of one layer and head with a W_U, as the kernel computes it (three times forward)."""
    rows, pairs = b * t, b * t * (t + 1) / 2
    fold = 3 * d * d * h + 3 * rows * d * d < 6 * rows * d * h
    scores = 3 * d * d * h + 3 * rows * d * d if fold else 6 * rows * d * h
    return scores + 3 * rows * d * d + 3 * pairs * ((d if fold else h) + d) + 3 * rows * d * d_vocab


def fma_peak() -> float:
    """Multiply-adds a second of one core, from a product that stays in registers and first-level cache."""
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=(512, 512)).astype("float32") for _ in range(2))
    return 512**3 / best(lambda: a @ b)


def large() -> tuple[float, float]:
    rng = np.random.default_rng(0)
    d, t, b, h = 64, 64, 2, 16
    tokens = rng.integers(0, 64, (b, t))
    model = hl.ModelConfig(d_head=h, d_model=d, unembed=True)
    problem = engine.Job(
        tokens, np.roll(tokens, -1, axis=1), 64, model, hl.TrainConfig.of(steps=20, learning_rate=1e-3)
    )
    micros = per_run_step(problem, 32, 1)
    return micros, multiply_adds(64, d, h, t, b) / (micros * 1e-6)


def torch_eager() -> float | None:
    if importlib.util.find_spec("torch") is None:
        return None
    import torch

    torch.set_num_threads(1)
    corpus = hl.Corpus.notebook()
    x, y = torch.tensor(np.array(corpus.tokens)), torch.tensor(np.array(corpus.targets)).flatten()
    weights = [torch.randn(s, requires_grad=True) for s in ((7, 7), (5, 7), (7, 20), (7, 20), (7, 7))]
    mask, optimizer = torch.ones(5, 5).tril() == 0, torch.optim.SGD(weights, lr=0.01)

    def step() -> None:
        e, p, q, k, v = weights
        resid = e[x] + p
        scores = (resid @ q) @ (resid @ k).mT / 20**0.5
        out = resid + scores.masked_fill(mask, -1e9).softmax(-1) @ (resid @ v)
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(out.reshape(-1, 7), y).backward()
        optimizer.step()

    return best(lambda: [step() for _ in range(200)]) / 200 * 1e6


def main() -> None:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    names = engine.instruction_sets()
    print("The notebook's problem, d_head 20, 5,020 steps, microseconds per run and step")
    reference = None
    for name in names:
        os.environ["HEADLAB_INSTRUCTION_SET"] = name
        one, two = per_run_step(notebook(), 256, 1), per_run_step(notebook(), 256, 2)
        reference = reference or one
        print(f"  {name:8} one thread {one:.3f}   two threads {two:.3f}   ratio {one / two:.2f}")
    os.environ["HEADLAB_INSTRUCTION_SET"] = "avx2" if "avx2" in names else names[0]
    narrow, wide = per_run_step(notebook(14), 64, 1), per_run_step(notebook(320), 64, 1)
    print(f"  d_head 320 over d_head 14: {wide / narrow:.2f} (SGD)")
    double = per_run_step(notebook(dtype="float64"), 64, 1)
    print(f"  float64 over float32: {double / per_run_step(notebook(), 64, 1):.2f}")
    micros, rate = large()
    print(
        f"d_model 64, n_ctx 64: {micros:.0f} microseconds, {rate / 1e9:.1f} G multiply-adds a second, "
        f"{rate / fma_peak():.0%} of BLAS"
    )
    eager = torch_eager()
    print(
        "PyTorch eager, one run: "
        + ("not installed" if eager is None else f"{eager:.0f} microseconds, {eager / reference:.0f} times")
    )


if __name__ == "__main__":
    main()
