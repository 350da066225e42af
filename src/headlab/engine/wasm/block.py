"""What a call is given: arrays and structs, laid out one after the other in a block of an instance's memory."""

from functools import lru_cache
from typing import Any

import numpy as np

from headlab.arrays import Array
from headlab.engine.wasm.module import DESCRIBED, Instance

ALIGNED = 16


class At(int):
    """Where something is in a block, from its start; 0 is nowhere: null."""


NULL = At(0)


@lru_cache(None)
def layout(name: str) -> np.dtype[Any]:
    """Return how a struct of headlab.h lies in memory, as kernel.json says.

    >>> layout("hl_place").itemsize, layout("hl_place").names
    (8, ('sequence', 'at'))
    """
    struct = DESCRIBED["structs"][name]
    formats = [_format(field) for field in struct["fields"].values()]
    offsets = [field["offset"] for field in struct["fields"].values()]
    return np.dtype({"names": [*struct["fields"]], "formats": formats, "offsets": offsets, "itemsize": struct["size"]})


def _format(field: dict[str, Any]) -> Any:
    kind = field["type"]
    one = "uint32" if kind == "pointer" else layout(kind) if kind in DESCRIBED["structs"] else kind
    return (one, field["count"]) if "count" in field else one


@lru_cache(None)
def pointers(name: str) -> tuple[tuple[str, ...], ...]:
    """Return the fields of a struct that are pointers, each by the names that lead to it.

    >>> pointers("hl_recipe")
    (('phases',), ('recorded',), ('snapshots',), ('held_out', 'tokens'), ('held_out', 'targets'), ('held_out', 'steps'))
    """
    found: list[tuple[str, ...]] = []
    for field, described in DESCRIBED["structs"][name]["fields"].items():
        if described["type"] == "pointer":
            found.append((field,))
        elif described["type"] in DESCRIBED["structs"]:
            found += [(field, *inner) for inner in pointers(described["type"])]
    return tuple(found)


class Block:
    """Arrays and structs as they will lie in memory, before it is known where.

    Everything that is put in returns where it is; pointers in structs are such places, too.
    """

    def __init__(self) -> None:
        self.size = ALIGNED  # nothing is at 0
        self._given: list[tuple[int, Array]] = []
        self._structs: list[tuple[int, str, Array]] = []
        self._wanted: list[tuple[int, Array]] = []

    def room(self, size: int) -> At:
        """Return where so many bytes are, of anything."""
        at, self.size = At(self.size), self.size + -(-size // ALIGNED) * ALIGNED
        return at

    def array(self, given: Array | None) -> At:
        """Put in an array, in C order; None: null."""
        if given is None:
            return NULL
        at = self.room(given.nbytes)
        self._given.append((at, given))
        return at

    def result(self, wanted: Array | None) -> At:
        """Make room for an array that is filled when the call is done, in C order; None: null."""
        if wanted is None:
            return NULL
        at = self.room(wanted.nbytes)
        self._wanted.append((at, wanted))
        return at

    def both(self, changed: Array | None) -> At:
        """Put in an array that the call changes; None: null."""
        at = self.array(changed)
        if changed is not None:
            self._wanted.append((at, changed))
        return at

    def struct(self, name: str, **fields: Any) -> At:
        """Put in a struct; fields that are left out are 0."""
        return self.structs(name, 1, **fields)

    def structs(self, name: str, n: int, **fields: Any) -> At:
        """Put in so many structs, one after the other; a field is an array of as many, or one for all."""
        table = np.zeros(n, layout(name))
        for field, value in fields.items():
            table[field] = value
        return self.table(name, table)

    def table(self, name: str, table: Array) -> At:
        """Put in structs as an array of their layout, which is changed."""
        at = self.room(table.nbytes)
        self._structs.append((at, name, table))
        return at

    def load(self, instance: Instance, base: int) -> None:
        """Write everything to memory that begins at `base`."""
        memory = instance.memory
        for _, name, table in self._structs:
            for path in pointers(name):
                field = table
                for key in path:
                    field = field[key]
                field += (field != 0) * np.uint32(base)
        for at, array in [*self._given, *((at, table) for at, _, table in self._structs)]:
            if array.nbytes:
                memory[base + at : base + at + array.nbytes] = _bytes(array)

    def results(self, instance: Instance, base: int) -> None:
        """Fill the arrays that were wanted, in the order in which they were asked for."""
        memory = instance.memory
        for at, array in self._wanted:
            if array.nbytes:
                _bytes(array)[:] = memory[base + at : base + at + array.nbytes]

    def ask(self, instance: Instance, name: str, *arguments: float) -> None:
        """Ask the kernel, with places in the block where it wants pointers, and fill the results."""
        base = self.scratch(instance)
        instance.ask(name, *placed(base, arguments))
        self.results(instance, base)

    def scratch(self, instance: Instance) -> int:
        """Write everything to an instance's scratch; return where."""
        base = instance.scratch(self.size)
        self.load(instance, base)
        return base


def placed(base: int, arguments: tuple[float, ...]) -> list[float]:
    """Return arguments with pointers for places in a block that begins at `base`."""
    return [base + given if isinstance(given, At) and given else given for given in arguments]


def _bytes(array: Array) -> Array:
    return array.reshape(-1).view(np.uint8)
