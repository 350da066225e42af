"""Trainings that the gallery's page does itself, as Python does them: tests/data/gallery_live.json.

Written again by `python tests/gallery_live.py`; tests/test_gallery_browser.py holds the file to Python,
web/tests/gallery/live.test.ts the page to the file: losses and weights to the last digit.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

import headlab as hl
from headlab.config import ModelConfig, Phase, Plateau, TrainConfig

FILE = Path(__file__).parent / "data" / "gallery_live.json"
LIVE = ("notebook", "bigram0", "ioi")
SEEDS = (0, 5)
STEPS = (0, 1, 10, 100, 200)  # before which a loss is told

# What a task of one's own may ask for, on the sentences of bigram0 and of ioi: (task, name, model, training).
OWN = (
    (
        "bigram0",
        "mlp",
        ModelConfig(
            d_model=12, d_head=6, n_heads=2, d_mlp=20, activation="gelu", norm="layer", norm_final=True, biases=True,
            unembed=True, init="*=normal 0.3, W_Q=linear, W_O=linear, W_out=linear, b_in=constant 0.1", factored_values=True,
        ),
        TrainConfig(
            optimizer="adamw", weight_decay=0.01, decayed=["W_Q", "W_K"], clip=1.0,
            phases=(
                Phase(40, rate="cosine", end_rate=1e-4, warmup=5),
                Phase(40, changes={"optimizer": "sgd", "momentum": 0.9, "l2": 0.001, "learning_rate": 0.01}, reset=True),
                Phase(40, rate_every=3, rate="linear", freeze=("W_U",)),
                Phase(40, Plateau(patience=2)),
            ),
        ),
    ),
    (
        "ioi",
        "relative",
        ModelConfig(
            n_layers=2, d_model=10, d_head=4, d_mlp=8, norm="rms", norm_after=True, positions=False, unembed=True,
            relative_positions=True, tied=True, init="*=glorot, W_R=embedding", factored_values=True,
        ),
        TrainConfig(optimizer="rmsprop", learning_rate=0.003, phases=(Phase(150),)),
    ),
    (
        "ioi",
        "sinusoidal",
        ModelConfig(d_model=8, d_head=8, sinusoidal_positions=True, stream_values=True, unembed=True, causal=False),
        TrainConfig(optimizer="adam", learning_rate=0.01, dtype="float64", phases=(Phase(150),)),
    ),
)  # fmt: skip


def table(name: str, recipes: dict[str, tuple[ModelConfig, TrainConfig]]) -> dict[str, Any]:
    """Return a task's table as the page has it, with recipes."""
    corpus = hl.tasks[name].dataset.corpus
    return {
        "tokens": corpus.tokens.tolist(),
        "targets": corpus.targets.tolist(),
        "weights": corpus.weights.tolist(),
        "vocabulary": list(corpus.vocabulary),
        "outputs": None,
        "recipes": {
            key: {"model": model.to_dict(), "training": training.to_dict()}
            for key, (model, training) in recipes.items()
        },
    }


def trained(name: str, model: ModelConfig, training: TrainConfig, seed: int) -> dict[str, Any]:
    """Return losses before some steps, the last loss, and the hash of the weights, in the vocabulary's order."""
    runs = hl.train(hl.tasks[name].dataset, model, training, seeds=[seed])
    flat = np.ascontiguousarray(runs.params.flat(), training.dtype)
    losses = {str(step): float(runs.loss[0, step]) for step in STEPS if step < training.steps}
    return {
        "seed": seed,
        "losses": losses,
        "final_loss": float(runs.final_loss[0]),
        "weights": hashlib.sha256(flat.tobytes()).hexdigest(),
    }


def told() -> list[dict[str, Any]]:
    """Return what the file is to hold: tables, and what becomes of each recipe's seeds."""
    own = {task: {name: (model, training) for of, name, model, training in OWN if of == task} for task, *_ in OWN}
    found = []
    for task in LIVE:
        of_task = {name: (recipe.model, recipe.training) for name, recipe in hl.tasks[task].recipes.items()}
        recipes = of_task | own.get(task, {})
        runs = {name: [trained(task, *recipe, seed) for seed in SEEDS] for name, recipe in recipes.items()}
        found.append({"task": task, "problem": table(task, recipes), "runs": runs})
    return found


if __name__ == "__main__":
    FILE.write_text(json.dumps(told(), ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
