"""The native trainer behind one thin face: flat weights in, trained flat weights and curves out.

A run is one lane of a vector register; the kernel (kernel/ at the root, C++ behind a plain C interface) is compiled for several
instruction sets, and the widest that the processor has is used. Set HEADLAB_INSTRUCTION_SET to choose another.
A run's result depends on its own start alone: not on the instruction set, its neighbours, their order, or the threads.
"""

from headlab.engine.job import Job
from headlab.engine.native import (
    FINISHED,
    NOT_RUN,
    Trained,
    initial_flat,
    loss_and_gradient,
    train_flat,
)
from headlab.engine.problem import chosen_instruction_set, default_threads, instruction_sets
from headlab.engine.state import Flat, State

__all__ = [
    "FINISHED",
    "NOT_RUN",
    "Flat",
    "Job",
    "State",
    "Trained",
    "chosen_instruction_set",
    "default_threads",
    "initial_flat",
    "instruction_sets",
    "loss_and_gradient",
    "train_flat",
]
