"""What the engine's count of a training says it takes, against what it takes: `python benchmarks/cost.py`.

Every training is short and its best of three; both figures are of one group of runs on one processor, and of a few.
"""

import sys
import time

import numpy as np

import headlab as hl
from headlab import engine
from headlab.engine import cost

NOTEBOOK = hl.Corpus.notebook()


def sentences(n: int, d_vocab: int, length: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Random sentences of that many tokens."""
    tokens = np.random.default_rng(0).integers(0, d_vocab, (n, length))
    return tokens, np.roll(tokens, -1, axis=1), d_vocab


def notebook() -> tuple[np.ndarray, np.ndarray, int]:
    """The notebook's two sentences."""
    return NOTEBOOK.tokens, NOTEBOOK.targets, NOTEBOOK.d_vocab


MOST_OFF = 2.0
CASES = {
    "the notebook": (notebook(), hl.ModelConfig(), {"steps": 2000}),
    "the smallest, d_head 1": (sentences(1, 2, 2), hl.ModelConfig(d_head=1), {"steps": 5000}),
    "d_head 320, Adam": (notebook(), hl.ModelConfig(d_head=320), {"steps": 200, "optimizer": "adam"}),
    "60 sentences": (sentences(60, 100, 8), hl.ModelConfig(), {"steps": 20}),
    "375 words without W_U": (sentences(120, 375, 10), hl.ModelConfig(), {"steps": 1}),
    "500 sentences, 2,000 words": (sentences(500, 2000, 9), hl.ModelConfig(d_model=32, unembed=True), {"steps": 1}),
    "d_model 64, n_ctx 64, 2 layers of 4 heads": (
        sentences(64, 64, 64),
        hl.ModelConfig(d_model=64, d_head=16, n_heads=4, n_layers=2, unembed=True),
        {"steps": 1},
    ),
}


def measured(problem: engine.Job, n_runs: int) -> float:
    """Return the seconds of a training, its best of three."""
    weights = np.zeros((n_runs, problem.shape.n_weights), problem.training.dtype)
    best = np.inf
    for _ in range(3):
        wall, own = time.perf_counter(), time.process_time()
        engine.train_flat(problem, weights, threads=1)
        best = min(best, time.perf_counter() - wall, time.process_time() - own)
    return best


def main() -> None:
    """Print a line a case; fails where an estimate is off by more than a factor of two."""
    ratios = []
    for name, ((tokens, targets, d_vocab), model, fields) in CASES.items():
        training = hl.TrainConfig.of(learning_rate=1e-4, **fields)
        problem = engine.Job(tokens, targets, d_vocab, model, training)
        said, took = cost.seconds(problem, 1, 1), measured(problem, 1)
        ratios.append(said / took)
        print(f"{name:42} said {said:8.4f} s   took {took:8.4f} s   ratio {ratios[-1]:.2f}")
    if not all(1 / MOST_OFF <= ratio <= MOST_OFF for ratio in ratios):
        sys.exit(f"every estimate must be within a factor of {MOST_OFF:g} of what it took")


if __name__ == "__main__":
    main()
