"""What the kernel runs on: native, compiled for this processor, or wasm, the module that wasmtime runs. The bits are the same."""

import os
from functools import lru_cache
from importlib import import_module, resources
from importlib.util import find_spec
from typing import TYPE_CHECKING, cast

from headlab.engine.interface import Kernel
from headlab.errors import ConfigError

if TYPE_CHECKING:
    import headlab.engine._native as native
    import headlab.engine.wasm as wasm

    _one: Kernel = native
    _other: Kernel = wasm

NATIVE, WASM = BACKENDS = ("native", "wasm")
_MODULES = {NATIVE: "headlab.engine._native", WASM: "headlab.engine.wasm"}


def chosen_backend() -> str:
    """Return the backend in use: native where it was built, unless HEADLAB_BACKEND names another.

    Raises `ConfigError` where that is not there.

    >>> chosen_backend() in BACKENDS
    True
    """
    asked = os.environ.get("HEADLAB_BACKEND") or (WASM if _missing(NATIVE) else NATIVE)
    if asked not in BACKENDS:
        raise ConfigError(f"HEADLAB_BACKEND must be one of {', '.join(BACKENDS)}, got {asked!r}")
    if missing := _missing(asked):
        raise ConfigError(missing)
    return asked


def kernel() -> Kernel:
    """Return the kernel of the backend in use.

    >>> kernel().NUMERICS
    2
    """
    return _loaded(_MODULES[chosen_backend()])


@lru_cache(None)
def _loaded(name: str) -> Kernel:
    return cast("Kernel", import_module(name))


@lru_cache(None)
def _missing(backend: str) -> str:
    """Return the sentence that says what a backend wants, empty where it has all."""
    if backend == NATIVE:
        known = find_spec(_MODULES[NATIVE]) is not None
        return (
            ""
            if known
            else "the native backend must be built to be used: install headlab where there is a C++ compiler"
        )
    if not resources.files("headlab.engine").joinpath("kernel.wasm").is_file():
        return "the wasm backend must have its module, kernel.wasm, beside headlab/engine: install headlab again"
    known = find_spec("wasmtime") is not None
    return "" if known else "the wasm backend must have wasmtime: pip install wasmtime"
