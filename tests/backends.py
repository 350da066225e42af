"""Tests that run on both backends: those of a module with `ON_BOTH_BACKENDS = True`, as usual, and once more on the other one.

What names an instruction set itself runs once. `LONG_ON_WASM` of the module: names of tests that take long there.
"""

from collections.abc import Iterator
from importlib.util import find_spec

import pytest
from tiers import long

from headlab.engine.backend import WASM, chosen_backend, kernel

without_wasmtime = pytest.mark.skipif(find_spec("wasmtime") is None, reason="wasmtime is not installed")


def parametrize(metafunc: pytest.Metafunc) -> None:
    """Give every test of such a module a backend, the one that is in use anyway first."""
    if not getattr(metafunc.module, "ON_BOTH_BACKENDS", False) or "instruction_set" in metafunc.fixturenames:
        return
    slow = metafunc.function.__name__ in getattr(metafunc.module, "LONG_ON_WASM", ())
    marks = [without_wasmtime, *([long] if slow else [])]
    usual = chosen_backend()
    others = [] if usual == WASM else [pytest.param(WASM, id=WASM, marks=marks)]
    metafunc.parametrize("backend", [pytest.param(None, id=usual), *others], indirect=True)


@pytest.fixture(scope="module", autouse=True)  # a fixture that nobody asks for is not set up, whatever its parameters
def backend(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """Have every request of a test served by a backend; None: the one that is in use anyway."""
    with pytest.MonkeyPatch.context() as patch:
        if getattr(request, "param", None) is not None:
            patch.setenv("HEADLAB_BACKEND", request.param)
            patch.delenv("HEADLAB_INSTRUCTION_SET", raising=False)
            kernel().instruction_sets()
            kernel().sha256(b"")  # what is compiled at the first call is compiled
        yield getattr(request, "param", None)
