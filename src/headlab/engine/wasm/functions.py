"""Calls of an instance's functions: wasmtime's own asks for all types at every call, which takes longer than many a call does."""

import ctypes
from collections.abc import Callable
from functools import partial
from typing import Any

import wasmtime


def prepared(store: wasmtime.Store, function: wasmtime.Func) -> Callable[..., Any]:
    """Return a function that is called with numbers and returns a number or None, for one thread at a time.

    Where this wasmtime is made otherwise inside, its own call is taken.
    """
    try:
        return _Prepared(store, function)
    except (AttributeError, ImportError, KeyError):
        return partial(function, store)


class _Prepared:
    def __init__(self, store: wasmtime.Store, function: wasmtime.Func) -> None:
        from wasmtime import _ffi

        ffi: Any = _ffi
        kinds = {"i32": ffi.WASMTIME_I32, "i64": ffi.WASMTIME_I64, "f64": ffi.WASMTIME_F64}
        told = function.type(store)
        takes, returns = ([str(kind) for kind in some] for some in (told.params, told.results))
        given, found = (ffi.wasmtime_val_t * len(takes))(), (ffi.wasmtime_val_t * max(len(returns), 1))()
        for value, kind in zip(given, takes, strict=True):
            value.kind = kinds[kind]
        self._given = [(value.of, kind) for value, kind in zip(given, takes, strict=True)]
        self._found = (found[0].of, returns[0]) if returns else None
        self._trap = ctypes.POINTER(ffi.wasm_trap_t)
        self._call = partial(
            ffi.wasmtime_func_call,
            store._context(),
            ctypes.byref(function._func),
            given,
            len(takes),
            found,
            len(returns),
        )
        self._kept = store, function, given, found

    def __call__(self, *arguments: float) -> Any:
        for (slot, kind), argument in zip(self._given, arguments, strict=True):
            setattr(slot, kind, argument)
        trap = self._trap()
        error = self._call(ctypes.byref(trap))
        if error:
            raise wasmtime.WasmtimeError._from_ptr(error)
        if trap:
            raise wasmtime.Trap._from_ptr(trap)
        return getattr(*self._found) if self._found else None
