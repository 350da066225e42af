"""The kernel as a module of WebAssembly: the backend that is asked for, its memory, its bits, and how a training on it ends."""

import pytest
from backends import without_wasmtime
from golden import FEW, SETTINGS, Golden, sha256

pytestmark = without_wasmtime


@pytest.fixture(autouse=True)
def wasm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every request of a test goes to the module."""
    monkeypatch.setenv("HEADLAB_BACKEND", "wasm")
    monkeypatch.delenv("HEADLAB_INSTRUCTION_SET", raising=False)


@pytest.mark.parametrize("golden", SETTINGS, ids=lambda golden: golden.name)
def test_a_named_setting_has_its_hash(golden: Golden) -> None:
    assert sha256(golden.train(range(FEW))) == golden.sha256["few"]
