"""What the kernel is asked about: a model on token ids, with which instruction set, on how many threads."""

import os
from typing import Any

import numpy as np

from headlab.arrays import Array
from headlab.config.model import Shape
from headlab.engine.backend import kernel
from headlab.engine.interface import Problem
from headlab.errors import ConfigError
from headlab.system import processors

ACTIVATIONS, NORMS = ("relu", "gelu"), ("none", "layer", "rms")  # by their numbers in headlab.h


def instruction_sets() -> list[str]:
    """Return the names of the instruction sets that the backend in use has on this processor, the widest first.

    >>> instruction_sets()[-1] in ("generic", "simd128")
    True
    """
    return list(kernel().instruction_sets())


def chosen_instruction_set() -> str:
    """Return the instruction set in use; raises `ConfigError` when HEADLAB_INSTRUCTION_SET names one that is not there."""
    known = instruction_sets()
    asked = os.environ.get("HEADLAB_INSTRUCTION_SET") or known[0]
    if asked not in known:
        raise ConfigError(f"HEADLAB_INSTRUCTION_SET must be one of {', '.join(known)}, got {asked!r}")
    return asked


def named_instruction_set() -> str:
    """Return what HEADLAB_INSTRUCTION_SET names, nothing where the kernel may choose; raises `ConfigError`."""
    return chosen_instruction_set() if os.environ.get("HEADLAB_INSTRUCTION_SET") else ""


def fitting_instruction_set(n_runs: int, float64: bool) -> str:
    """Return the instruction set in use, or for a few runs a narrower one: it takes less time a step, and gives the same bits."""
    chosen = chosen_instruction_set()
    enough = [name for name in instruction_sets() if n_runs <= lanes_of(name, float64)]
    return enough[-1] if enough and not os.environ.get("HEADLAB_INSTRUCTION_SET") else chosen


def lanes_of(name: str, float64: bool) -> int:
    """Return how many runs an instruction set trains at once, a group of them.

    >>> lanes_of(instruction_sets()[-1], True)
    2
    """
    return kernel().lanes(name, float64)


def default_threads() -> int:
    """Return the number of processors that this process may use."""
    return processors()


def kernel_problem(
    shape: Shape,
    tokens: Array,
    targets: Array | None,
    weights: Array | None,
    *,
    float64: bool,
    n_runs: int,
    threads: int | None,
    name: str | None = None,
    at_once: int = 0,
    declared: bool = False,
) -> Problem:
    """Return what the kernel is asked about so many runs; threads: all when None, the caller's own when 0.

    name: of an instruction set; the fitting one when None, the kernel's choice when empty
    at_once: 1 where a training is to take one run after the other, 2 where it is to take groups, 0 where the kernel may choose
    declared: the ids are in the order that is trained in (`Batch.order`)
    """
    most = default_threads()
    return kernel().Problem(
        kernel_shape(shape),
        np.ascontiguousarray(tokens, np.int32),
        None if targets is None else np.ascontiguousarray(targets, np.int32),
        None if weights is None else np.ascontiguousarray(weights, np.float64),
        declared=declared,
        float64=float64,
        threads=0 if threads == 0 else max(1, min(threads or most, most, n_runs)),
        instruction_set=fitting_instruction_set(n_runs, float64) if name is None else name,
        at_once=at_once,
    )


def kernel_shape(shape: Shape) -> Any:
    """Return a model on a batch as the kernel has it."""
    found, model = kernel().Shape(), shape.model
    for name in ("d_vocab", "n_ctx", "d_model", "d_head", "n_layers", "n_heads"):
        setattr(found, name, getattr(shape, name))
    for name in ("positions", "residual", "causal", "factored_values", "unembed"):
        setattr(found, name, int(getattr(model, name)))
    for name in ("d_mlp", "norm_after", "norm_final", "biases", "tied", "stream_values", "pairs"):
        setattr(found, name, int(getattr(model, name)))
    found.d_vocab_out = shape.d_vocab_out or 0
    found.relative = int(model.relative_positions)
    found.activation, found.norm = ACTIVATIONS.index(model.activation), NORMS.index(model.norm)
    return found
