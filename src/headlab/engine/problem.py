"""What the kernel is asked about: a model on token ids, with which instruction set, on how many threads."""

import os

import numpy as np

import headlab.engine._native as _native
from headlab.arrays import Array
from headlab.config.model import Shape
from headlab.errors import ConfigError


def instruction_sets() -> list[str]:
    """Return the names of the instruction sets that this processor can run, the widest first.

    >>> instruction_sets()[-1]
    'generic'
    """
    return list(_native.instruction_sets())


def chosen_instruction_set() -> str:
    """Return the instruction set in use; raises `ConfigError` when HEADLAB_INSTRUCTION_SET names one that is not there."""
    known = instruction_sets()
    asked = os.environ.get("HEADLAB_INSTRUCTION_SET", known[0])
    if asked not in known:
        raise ConfigError(f"HEADLAB_INSTRUCTION_SET must be one of {', '.join(known)}, got {asked!r}")
    return asked


def fitting_instruction_set(n_runs: int, float64: bool) -> str:
    """Return the instruction set in use, or for a few runs a narrower one: it takes less time a step, and gives the same bits."""
    chosen = chosen_instruction_set()
    enough = [name for name in instruction_sets() if n_runs <= lanes_of(name, float64)]
    return enough[-1] if enough and "HEADLAB_INSTRUCTION_SET" not in os.environ else chosen


def lanes_of(name: str, float64: bool) -> int:
    """Return how many runs an instruction set trains at once, a group of them.

    >>> lanes_of("generic", True)
    2
    """
    return _native.lanes(name, float64)


def default_threads() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
) -> _native.Problem:
    """Return what the kernel is asked about so many runs; threads: all when None, the caller's own when 0."""
    name = name or fitting_instruction_set(n_runs, float64)
    groups = -(-n_runs // lanes_of(name, float64))
    most = default_threads()
    return _native.Problem(
        kernel_shape(shape),
        np.ascontiguousarray(tokens, np.int32),
        None if targets is None else np.ascontiguousarray(targets, np.int32),
        None if weights is None else np.ascontiguousarray(weights, np.float64),
        declared=False,
        float64=float64,
        threads=0 if threads == 0 else max(1, min(threads or most, most, groups)),
        instruction_set=name,
    )


def kernel_shape(shape: Shape) -> _native.Shape:
    """Return a model on a batch as the kernel has it."""
    found, model = _native.Shape(), shape.model
    for name in ("d_vocab", "n_ctx", "d_model", "d_head", "n_layers", "n_heads"):
        setattr(found, name, getattr(shape, name))
    for name in ("positions", "residual", "causal", "factored_values", "unembed"):
        setattr(found, name, int(getattr(model, name)))
    return found
