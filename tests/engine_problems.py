"""Problems for the engine's tests: every model option, on a small ragged corpus."""

import numpy as np

from headlab.config import ModelConfig, TrainConfig
from headlab.engine import Job

TOKENS = np.array([[0, 1, 2, 3, 1], [0, 4, 2, 3, -1], [0, 4, 4, -1, -1]])
TARGETS = np.array([[1, 2, 3, 1, 0], [4, 2, 3, 0, -1], [4, 4, -1, -1, -1]])
D_VOCAB = 5

MODELS = {
    "notebook": ModelConfig(d_head=4),
    "wide head": ModelConfig(d_head=13),
    "one-dimensional head": ModelConfig(d_head=1),
    "two layers": ModelConfig(d_head=3, n_layers=2),
    "two heads": ModelConfig(d_head=3, n_heads=2),
    "factored values": ModelConfig(d_head=3, factored_values=True),
    "unembedding": ModelConfig(d_head=3, d_model=4, unembed=True),
    "no residual": ModelConfig(d_head=3, residual=False),
    "no positions": ModelConfig(d_head=3, positions=False),
    "no mask": ModelConfig(d_head=3, causal=False),
    "everything": ModelConfig(d_head=2, n_heads=2, n_layers=3, d_model=6, factored_values=True, unembed=True),
    "everything, wide, no mask": ModelConfig(d_head=15, n_heads=2, n_layers=2, d_model=6, unembed=True, causal=False),
}


WEIGHTS = np.array([[0.5, 0, 2, 1e-3, 7], [3, 0.25, 0, 1, 0], [4, 1, 0, 0, 0]])  # some targets count for nothing


def problem(model: ModelConfig = MODELS["notebook"], weights: np.ndarray | None = None, **training: object) -> Job:
    fields = {"steps": 40, "learning_rate": 0.05, **training}
    return Job(TOKENS, TARGETS, D_VOCAB, model, TrainConfig.of(**fields), weights)


def n_weights(of: Job) -> int:
    return of.shape.n_weights


def random_weights(of: Job, n_runs: int, seed: int = 0, dtype: str = "float64", scale: float = 0.5) -> np.ndarray:
    return (np.random.default_rng(seed).normal(size=(n_runs, n_weights(of))) * scale).astype(dtype)
