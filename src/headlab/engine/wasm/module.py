"""The module: the kernel in WebAssembly, compiled by wasmtime once a process, and instances of it."""

import json
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib import resources
from typing import Any

import numpy as np
import wasmtime

from headlab.arrays import Array
from headlab.engine.wasm import floating
from headlab.engine.wasm.functions import prepared
from headlab.engine.wasm.threads import next_of
from headlab.errors import ModuleFull

FOLDER = resources.files("headlab.engine")
DESCRIBED = json.loads(FOLDER.joinpath("kernel.json").read_text(encoding="utf-8"))
CONSTANTS = DESCRIBED["constants"]
MOST_MEMORY = DESCRIBED["pages"] << 16  # bytes of an instance
FULL = (
    f"there must be memory for the work on one group of runs, at most {MOST_MEMORY >> 20} MiB of it with the wasm backend, "
    "and there was none: take a smaller model or corpus, or the native backend"
)

KEPT_BYTES = 64 << 20  # an instance that grew larger is not kept, since its memory never shrinks
ROUND = 1 << 16

_idle = deque["Instance"]()  # instances that nobody uses


@lru_cache
def compiled(small: bool = False) -> tuple[wasmtime.Engine, wasmtime.Module]:
    """Return an engine, and the module as its machine code; small: instances take few more addresses than they have memory."""
    config = wasmtime.Config()
    config.parallel_compilation = False  # a fork would wait for threads that it has not
    config.wasm_relaxed_simd = False
    # Otherwise memory begins as a file in memory, which may be forbidden.
    if hasattr(wasmtime._ffi, "wasmtime_config_memory_init_cow_set"):
        wasmtime._ffi.wasmtime_config_memory_init_cow_set(config.ptr(), False)
    if small:
        config.memory_reservation = KEPT_BYTES
        config.memory_reservation_for_growth = 0
        config.memory_guard_size = ROUND
    engine = wasmtime.Engine(config)
    return engine, wasmtime.Module(engine, FOLDER.joinpath("kernel.wasm").read_bytes())


class Instance:
    """The kernel with a memory of its own, for one thread at a time.

    Raises `MemoryError` where there is no memory for it.
    """

    def __init__(self) -> None:
        usual = compiled()
        try:
            self._start(*usual)
        except wasmtime.WasmtimeError:
            # By far most of the addresses that are set aside are never used, and some processes have few.
            small = compiled(small=True)
            try:
                self._start(*small)
            except wasmtime.WasmtimeError as error:
                raise MemoryError(str(error)) from None

    def _start(self, engine: wasmtime.Engine, module: wasmtime.Module) -> None:
        self._store = wasmtime.Store(engine)
        exports: Any = wasmtime.Instance(self._store, module, []).exports(self._store)
        self._functions = {name: prepared(self._store, exports[name]) for name in _FUNCTIONS}
        self._memory = exports["memory"]
        self._seen = np.empty(0, np.uint8)
        self._scratch, self._scratch_size = 0, 0
        self.call("_initialize")

    def call(self, name: str, *arguments: float) -> int:
        """Call a function of the kernel, numbers in and a number out; raises `ModuleFull` where memory is full."""
        mode = floating.usual()
        try:
            return self._functions[name](*arguments) or 0
        except wasmtime.Trap:
            if not self._full():
                raise
            raise ModuleFull(FULL) from None
        finally:
            floating.put_back(mode)

    def _full(self) -> bool:
        return bool(self._functions["hl_full"]())

    def ask(self, name: str, *arguments: float) -> None:
        """Call a function that returns a sentence where the request is wrong, and raise `ValueError` with it then."""
        said = self.call(name, *arguments)
        if said:
            raise ValueError(self.text(said))

    def text(self, at: int) -> str:
        """Return the text at an address."""
        memory = self.memory
        end = at + 80
        while not (zeros := np.flatnonzero(memory[at:end] == 0)).size:
            end += 80
        return memory[at : at + zeros[0]].tobytes().decode()

    @property
    def memory(self) -> Array:
        """All bytes of the memory; they move when it grows."""
        size = self._memory.data_len(self._store)
        if size != len(self._seen):
            self._seen = np.frombuffer(self._memory.get_buffer_ptr(self._store), np.uint8)
        return self._seen

    def take(self, size: int) -> int:
        """Return where so many bytes are, to be given back with `call("free", …)`."""
        at = self.call("malloc", size) & 0xFFFFFFFF if size < 1 << 32 else 0
        if not at:
            raise ModuleFull(FULL)
        return at

    def scratch(self, size: int) -> int:
        """Return where so many bytes are until the next call of this kind."""
        if size > self._scratch_size:
            if self._scratch:
                self.call("free", self._scratch)
            self._scratch = self._scratch_size = 0
            rounded = -(-size // ROUND) * ROUND
            self._scratch, self._scratch_size = self.take(rounded), rounded
        return self._scratch

    def give_back(self) -> None:
        """Be there for the next one who needs an instance, unless it has grown large."""
        if len(self.memory) <= KEPT_BYTES:
            _idle.append(self)


_FUNCTIONS = ("_initialize", "malloc", "free", "hl_full", *DESCRIBED["functions"])


def an_instance() -> Instance:
    """Return an instance that nobody uses: give it back, or if anything went wrong leave it."""
    return next_of(_idle) or Instance()


@contextmanager
def instance() -> Iterator[Instance]:
    """Use an instance for a while; it is thrown away where an exception came in between."""
    one = an_instance()
    yield one
    one.give_back()
