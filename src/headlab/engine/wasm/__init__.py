"""The kernel as a module of WebAssembly that wasmtime runs: the interface of `headlab.engine._native`, without a compiler.

It knows of headlab what is said of arrays, places and a full memory, and nothing else: `engine.backend` loads it by its name.
"""

from headlab.engine.wasm.activations import activations, log, softmax
from headlab.engine.wasm.asked import HeldOut, Phase, Problem, Recipe, Runs, Shape, instruction_sets, lanes, narrow
from headlab.engine.wasm.calls import evaluate, gradient, initial, parts, score_parts, widen, words
from headlab.engine.wasm.look import look
from headlab.engine.wasm.module import DESCRIBED
from headlab.engine.wasm.tables import order, places, sha256, way, weights
from headlab.engine.wasm.training import Progress, Training, wait

NUMERICS: int = DESCRIBED["numerics"]

__all__ = [
    "NUMERICS",
    "HeldOut",
    "Phase",
    "Problem",
    "Progress",
    "Recipe",
    "Runs",
    "Shape",
    "Training",
    "activations",
    "evaluate",
    "gradient",
    "initial",
    "instruction_sets",
    "lanes",
    "log",
    "look",
    "narrow",
    "order",
    "parts",
    "places",
    "score_parts",
    "sha256",
    "softmax",
    "wait",
    "way",
    "weights",
    "widen",
    "words",
]
