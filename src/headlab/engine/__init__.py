"""The kernel behind one thin face: flat weights in, trained flat weights and curves out.

A run is one lane of a vector register; the kernel (kernel/ at the root, C++ behind a plain C interface) is compiled for several
instruction sets, and the widest that the processor has is used: set HEADLAB_INSTRUCTION_SET to choose another. Where it could not
be compiled, the same kernel runs as a module of WebAssembly: set HEADLAB_BACKEND to `wasm` to choose that anywhere.
A run's result depends on its own start alone: not on backend or instruction set, its neighbours, their order, or the threads.
"""

from headlab.engine.backend import chosen_backend
from headlab.engine.held_out import HeldOut
from headlab.engine.job import Job
from headlab.engine.philox import words
from headlab.engine.problem import chosen_instruction_set, default_threads, instruction_sets
from headlab.engine.snapshots import Snapshots
from headlab.engine.state import Flat, State
from headlab.engine.trainer import (
    FINISHED,
    NOT_RUN,
    STOPPED,
    Trained,
    initial_flat,
    loss_and_gradient,
    train_flat,
)

__all__ = [
    "FINISHED",
    "NOT_RUN",
    "STOPPED",
    "Flat",
    "HeldOut",
    "Job",
    "Snapshots",
    "State",
    "Trained",
    "chosen_backend",
    "chosen_instruction_set",
    "default_threads",
    "initial_flat",
    "instruction_sets",
    "loss_and_gradient",
    "train_flat",
    "words",
]
