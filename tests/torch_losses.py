"""Trainings of tasks by PyTorch's autograd, on the same data from the same weights: what the engine's losses are held to.

`python tests/torch_losses.py` writes tests/data/torch_losses.json, where PyTorch is installed beside headlab. The models are
written down once more here, from their published definitions; what PyTorch does is every gradient, in float64. Adam's update
is Keras' (epsilon is added before the correction for the first steps, not after it), and written out, too.
"""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import headlab as hl
from headlab.config import Phase, Plateau
from headlab.data.draws import Draws
from headlab.model.params import Params

FILE = Path(__file__).parent / "data" / "torch_losses.json"
STEPS = 50


@dataclass(frozen=True)
class Case:
    """A task's recipe, with another batch size or other phases so that fifty steps show what it consists of."""

    task: str
    recipe: str = "published"
    changes: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"{self.task} {self.recipe}"

    @property
    def model(self):
        return hl.tasks[self.task].recipes[self.recipe].model

    @property
    def training(self):
        short = {
            "batch_size": 24,
            "phases": (Phase(STEPS),),
            "evaluate_every": 0,
            "evaluate_on": 1024,
            "stop_at": None,
            "stop_count": 1,
        }
        return hl.tasks[self.task].recipes[self.recipe].training.replace(**short | {"dtype": "float64"} | self.changes)

    def start(self) -> Params:
        """Return weights to start from, biases and gains among them: 0.2 around 0, gains around 1."""
        shapes = self.model.on(hl.tasks[self.task].dataset).weights.items()
        numbers = (
            Draws(0, "train", number, 1).uniform(math.prod(shape))[0] for number, (_, shape) in enumerate(shapes)
        )
        around = {name: (0.4 * u - 0.2).reshape(shape) for (name, shape), u in zip(shapes, numbers, strict=True)}
        return Params(**{name: 1 + weight if name in GAINS else weight for name, weight in around.items()})


GAINS = ("ln1_w", "ln2_w", "ln_final_w")
CASES = (
    Case("sort1", changes={"phases": (Phase(STEPS, Plateau(factor=0.1, patience=3, min_rate=1e-8, min_delta=0.0)),)}),
    Case("sort10"),
    Case("cumsum", changes={"phases": (Phase(STEPS, rate="linear", end_rate=1e-4, rate_every=7),)}),
    Case("palindromes"),
    Case("permutation"),
)


def torch_losses(case: Case) -> list[float]:
    """Return the loss before each step, by PyTorch."""
    import torch

    torch.set_num_threads(1)
    stream, training = hl.tasks[case.task].dataset.stream, case.training
    weights = {
        name: torch.tensor(weight, dtype=torch.float64, requires_grad=True) for name, weight in case.start().items()
    }
    tokens, targets = (torch.tensor(array) for array in stream.batches(0, STEPS, training.batch_size))
    adam, rate, losses = Adam(training, weights), Rate(training), []
    for step in range(STEPS):
        there = targets[step] >= 0
        logits = forward(torch, case.model, weights, tokens[step])[there]
        loss = torch.nn.functional.cross_entropy(logits, targets[step][there])
        losses.append(loss.item())
        gradients = torch.autograd.grad(loss, list(weights.values()), allow_unused=True)
        with torch.no_grad():
            adam.update(torch, weights, gradients, rate.at(step))
        rate.ended(losses[-1])
    return losses


class Adam:
    """Keras' Adam, with L2 in the gradient."""

    def __init__(self, training, weights):
        self.training, self.t = training, 0
        self.mean, self.square = (dict.fromkeys(weights, 0.0) for _ in range(2))

    def update(self, torch, weights, gradients, rate):
        self.t += 1
        b1, b2 = self.training.beta_1, self.training.beta_2
        alpha = rate * (1 - b2**self.t) ** 0.5 / (1 - b1**self.t)
        for (name, weight), gradient in zip(weights.items(), gradients, strict=True):
            g = (torch.zeros_like(weight) if gradient is None else gradient) + self.training.l2 * weight
            self.mean[name] = b1 * self.mean[name] + (1 - b1) * g
            self.square[name] = b2 * self.square[name] + (1 - b2) * g * g
            weight -= alpha * self.mean[name] / (self.square[name] ** 0.5 + self.training.epsilon)


class Rate:
    """The rate of the one phase: steady, linear by stretches, or reduced on a plateau of each step's loss."""

    def __init__(self, training):
        (self.phase,), self.rate = training.phases, training.learning_rate
        self.best, self.waited = np.inf, 0

    def at(self, step):
        if self.phase.rate == "linear":
            since = step - step % self.phase.rate_every
            return self.rate + (self.phase.end_rate - self.rate) * since / self.phase.steps
        return self.rate

    def ended(self, loss):
        plateau = self.phase.plateau
        if plateau is None:
            return
        better = loss < self.best - plateau.min_delta
        self.best, self.waited = (loss, 0) if better else (self.best, self.waited + 1)
        if self.waited >= plateau.patience:
            self.rate, self.waited = max(self.rate * plateau.factor, plateau.min_rate), 0


def forward(torch, model, w, tokens):
    """Return logits [sequence, position, output] of a model by its published definition."""
    heads = torch.nn.functional

    def normed(x, name, layer=()):
        if f"{name}_w" not in w:
            return x
        gain, bias = w[f"{name}_w"][layer], w[f"{name}_b"][layer]
        return heads.layer_norm(x, x.shape[-1:], gain, bias, 1e-5)

    x = w["W_E"][tokens] + w["W_pos"][: tokens.shape[1]]
    hidden = torch.full((tokens.shape[1],) * 2, -torch.inf, dtype=x.dtype).triu(1)
    for layer in range(model.n_layers):
        read = x if model.norm_after else normed(x, "ln1", layer)
        q, k, v = (
            torch.einsum("btd,hde->bhte", read, w[f"W_{of}"][layer])
            + (w[f"b_{of}"][layer][:, None] if model.biases else 0)
            for of in "QKV"
        )
        pattern = torch.softmax(q @ k.transpose(-1, -2) / model.d_head**0.5 + hidden, dim=-1)
        x = x + torch.einsum("bhte,hed->btd", pattern @ v, w["W_O"][layer]) + (w["b_O"][layer] if model.biases else 0)
        x = normed(x, "ln1", layer) if model.norm_after else x
        if model.d_mlp:
            read = x if model.norm_after else normed(x, "ln2", layer)
            x = x + heads.relu(read @ w["W_in"][layer] + w["b_in"][layer]) @ w["W_out"][layer] + w["b_out"][layer]
            x = normed(x, "ln2", layer) if model.norm_after else x
    return normed(x, "ln_final") @ w["W_U"] + (w["b_U"] if model.biases else 0)


def main() -> None:
    import torch

    losses = {case.name: torch_losses(case) for case in CASES}
    FILE.write_text(
        json.dumps({"by": f"PyTorch {torch.__version__}", "losses": losses}, indent=1) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
