"""Models drawn from a seed: every setting of `ModelConfig`, short trainings, some solved, some not, some diverged."""

import numpy as np

import headlab as hl
from headlab.analysis.subject import Subject
from headlab.data.dataset import Dataset

Rng = np.random.Generator


def draw_model(rng: Rng, corpus: hl.Corpus) -> hl.ModelConfig:
    """Return a model of one to three layers and one to four heads, every flag by chance."""
    unembed = rng.random() < 0.4
    return hl.ModelConfig(
        n_layers=int(rng.choice([1, 2, 3], p=[0.55, 0.3, 0.15])),
        n_heads=int(rng.choice([1, 2, 3, 4], p=[0.4, 0.25, 0.15, 0.2])),
        d_head=int(rng.choice([1, 2, 3, 5, 8, 12])),
        d_model=int(rng.integers(3, corpus.d_vocab + 4)) if unembed and rng.random() < 0.7 else None,
        unembed=bool(unembed),
        factored_values=bool(rng.random() < 0.4),
        residual=bool(rng.random() < 0.75),
        positions=bool(rng.random() < 0.8),
        causal=bool(rng.random() < 0.85),
        init_scale=float(rng.choice([0.0, 0.5, 1.0, 2.0, 4.0], p=[0.04, 0.2, 0.4, 0.2, 0.16])),  # 0: ties everywhere
    )


def draw_training(rng: Rng) -> hl.TrainConfig:
    """Return a training of at most some hundred steps."""
    kind = rng.choice(["adam", "sgd", "wild", "none", "other"], p=[0.55, 0.25, 0.04, 0.06, 0.1])
    loss = "softmax" if rng.random() < 0.8 else "normalized_sigmoid"
    match kind:
        case "adam":
            rate = float(rng.choice([0.01, 0.03, 0.06]))
            return hl.TrainConfig.of(optimizer="adam", learning_rate=rate, steps=int(rng.integers(30, 500)), loss=loss)
        case "sgd":
            rate, momentum = float(rng.choice([0.1, 0.3, 1.0])), float(rng.choice([0.0, 0.9]))
            steps = int(rng.integers(50, 1000))
            return hl.TrainConfig.of(learning_rate=rate, momentum=momentum, steps=steps, loss=loss)
        case "wild":  # which diverges, or ends with huge weights
            return hl.TrainConfig.of(learning_rate=30.0, momentum=0.9, steps=int(rng.integers(5, 100)), loss=loss)
        case "none":
            return hl.TrainConfig.of(steps=1, learning_rate=1e-6)
    optimizer = str(rng.choice(["rmsprop", "adamw"]))
    return hl.TrainConfig.of(optimizer=optimizer, learning_rate=0.02, steps=int(rng.integers(50, 400)), loss=loss)


def draw(seed: int, number: int, dataset: Dataset, n_runs: int) -> Subject | None:
    """Return trained runs: model number `number` of a seed on a dataset; None where such a model has nothing to explain."""
    rng = np.random.default_rng([seed, number, 2])
    model = draw_model(rng, dataset.corpus)
    training = draw_training(rng)
    if not any(item.resolvable for item in dataset.corpus.dependencies(model)):
        return None
    first = int(rng.integers(0, 10_000))
    return hl.train(dataset, model, training, seeds=range(first, first + n_runs), record="none", threads=1).subject
