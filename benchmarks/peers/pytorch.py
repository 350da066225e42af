"""PyTorch: step by step, and compiled, with loss, gradient and update in one."""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from peers.model import Model, Train

Weights = dict[str, Tensor]

torch.set_num_threads(1)


def loss_of(model: Model) -> Callable[[Weights], Tensor]:
    """Return the loss as a function of the weights; attention is PyTorch's own fused one where values are as wide as keys."""
    (sentences, positions), heads = model.tokens.shape, model.n_heads
    tokens, targets = torch.tensor(model.tokens), torch.tensor(model.targets).flatten()
    future, scale = torch.ones(positions, positions).tril() == 0, model.d_head**-0.5

    def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        if model.value_width == model.d_head:
            return F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return (q @ k.mT * scale).masked_fill(future, -torch.inf).softmax(-1) @ v

    def loss(weights: Weights) -> Tensor:
        resid = F.embedding(tokens, weights["E"]) + weights["P"]
        for layer in range(model.n_layers):
            parts = (resid @ weights[f"QKV{layer}"]).split(model.cuts, -1)
            z = attend(*(part.view(sentences, positions, heads, -1).transpose(1, 2) for part in parts))
            if model.factored:
                resid = resid + z.transpose(1, 2).reshape(sentences, positions, -1) @ weights[f"O{layer}"]
            else:
                resid = resid + z.sum(1)
        logits = resid @ weights["U"] if model.unembed else resid
        return F.cross_entropy(logits.view(targets.numel(), -1), targets)

    return loss


def eager(model: Model) -> Train:
    """Return what trains one run, an operation after the other."""
    loss, weights = loss_of(model), {name: torch.tensor(value) for name, value in model.weights.items()}
    leaves = [weight.requires_grad_() for weight in weights.values()]

    def train(steps: int) -> np.ndarray:
        for _ in range(steps):
            of_step = loss(weights)
            gradients = torch.autograd.grad(of_step, leaves)
            with torch.no_grad():
                torch._foreach_sub_(leaves, gradients, alpha=model.rate)
        return of_step.detach().numpy()

    return train


def compiled(model: Model) -> Train:
    """Return what trains one run with one compiled function a step, called from C++."""
    both = torch.func.grad_and_value(loss_of(model))
    weights = {name: torch.tensor(value) for name, value in model.weights.items()}

    @torch.compile(fullgraph=True, options={"cpp_wrapper": True})
    def step(weights: Weights) -> Tensor:
        gradients, loss = both(weights)
        for name, weight in weights.items():
            weight.sub_(gradients[name], alpha=model.rate)
        return loss

    def train(steps: int) -> np.ndarray:
        for _ in range(steps):
            loss = step(weights)
        return loss.numpy()

    return train
