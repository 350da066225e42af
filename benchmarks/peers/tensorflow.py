"""TensorFlow: compiled steps, and a loop that calls them."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from peers.model import Model, Train

Weights = dict[str, tf.Tensor]

tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)


def loss_of(model: Model) -> Callable[[Weights], tf.Tensor]:
    """Return the loss as a function of the weights."""
    (sentences, positions), heads = model.tokens.shape, model.n_heads
    past = np.tri(positions, dtype=bool)

    def attend(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor) -> tf.Tensor:
        scores = tf.where(past, tf.matmul(q, k, transpose_b=True) * model.d_head**-0.5, -np.inf)
        return tf.nn.softmax(scores) @ v

    def loss(weights: Weights) -> tf.Tensor:
        resid = tf.gather(weights["E"], model.tokens) + weights["P"]
        for layer in range(model.n_layers):
            parts = tf.split(resid @ weights[f"QKV{layer}"], model.cuts, -1)
            z = attend(
                *(tf.transpose(tf.reshape(part, (sentences, positions, heads, -1)), (0, 2, 1, 3)) for part in parts)
            )
            if model.factored:
                beside = tf.reshape(tf.transpose(z, (0, 2, 1, 3)), (sentences, positions, -1))
                resid = resid + beside @ weights[f"O{layer}"]
            else:
                resid = resid + tf.reduce_sum(z, 1)
        logits = resid @ weights["U"] if model.unembed else resid
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(model.targets, logits))

    return loss


def compiled(model: Model) -> Train:
    """Return what trains one run, a step compiled by XLA."""
    loss, weights = loss_of(model), {name: tf.constant(value) for name, value in model.weights.items()}

    @tf.function(jit_compile=True)
    def step(weights: Weights) -> tuple[Weights, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(weights)
            of_step = loss(weights)
        gradients = tape.gradient(of_step, weights)
        return {name: weights[name] - model.rate * tf.convert_to_tensor(gradients[name]) for name in weights}, of_step

    @tf.function
    def loop(weights: Weights, steps: tf.Tensor) -> tuple[Weights, tf.Tensor]:
        of_step = tf.constant(0.0)
        for _ in tf.range(steps):
            weights, of_step = step(weights)
        return weights, of_step

    def train(steps: int) -> np.ndarray:
        nonlocal weights
        weights, of_step = loop(weights, tf.constant(steps))
        return of_step.numpy()

    return train
