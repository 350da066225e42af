"""JAX: all steps of a training in one compiled loop."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from peers.model import Model, Train

Weights = dict[str, jax.Array]


def loss_of(model: Model) -> Callable[[Weights], jax.Array]:
    """Return the loss as a function of the weights.

    On processors this attention is quicker than jax.nn.dot_product_attention, and the sum of a row divides it last.
    """
    (sentences, positions), heads = model.tokens.shape, model.n_heads
    tokens, targets, past = model.tokens, model.targets[..., None], np.tri(positions, dtype=bool)
    ends = np.cumsum(model.cuts)[:2]

    def attend(q: jax.Array, k: jax.Array, v: jax.Array) -> jax.Array:
        scores = jnp.where(past, q @ jnp.swapaxes(k, -1, -2) * model.d_head**-0.5, -jnp.inf)
        exps = jnp.exp(scores - jax.lax.stop_gradient(scores.max(-1, keepdims=True)))
        return exps @ v / exps.sum(-1, keepdims=True)

    def loss(weights: Weights) -> jax.Array:
        resid = weights["E"][tokens] + weights["P"]
        for layer in range(model.n_layers):
            parts = jnp.split(resid @ weights[f"QKV{layer}"], ends, -1)
            z = attend(*(jnp.swapaxes(part.reshape(sentences, positions, heads, -1), 1, 2) for part in parts))
            if model.factored:
                resid = resid + jnp.swapaxes(z, 1, 2).reshape(sentences, positions, -1) @ weights[f"O{layer}"]
            else:
                resid = resid + z.sum(1)
        logits = resid @ weights["U"] if model.unembed else resid
        return (jax.nn.logsumexp(logits, -1, keepdims=True) - jnp.take_along_axis(logits, targets, -1)).mean()

    return loss


def compiled(model: Model, runs: int = 0) -> Train:
    """Return what trains one run, or so many alike at once."""
    both = jax.value_and_grad(loss_of(model))
    if runs:
        both = jax.vmap(both)
    weights = {
        name: jnp.array(np.repeat(value[None], runs, 0) if runs else value) for name, value in model.weights.items()
    }

    def step(_: Any, state: tuple[Weights, jax.Array]) -> tuple[Weights, jax.Array]:
        loss, gradients = both(state[0])
        return jax.tree.map(lambda weight, gradient: weight - model.rate * gradient, state[0], gradients), loss

    start = jnp.zeros((runs,) if runs else ())
    loop = jax.jit(lambda weights, steps: jax.lax.fori_loop(0, steps, step, (weights, start)), donate_argnums=0)

    def train(steps: int) -> np.ndarray:
        nonlocal weights
        weights, loss = loop(weights, steps)
        return np.asarray(loss)  # waits

    return train
