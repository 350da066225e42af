"""The kernel as WebAssembly modules: as its sources are, without imports, of a bounded memory; that of pages is small.

That a rebuild gives the same bytes needs the compiler: `make kernel-check`, which .ci/run calls.
"""

import gzip
import hashlib
import json
import re
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from headlab.config.numerics import NUMERICS

KERNEL = Path(__file__).parents[1] / "kernel"
MOST_GZIPPED = 65_000
AGAIN = "run `make kernel` and commit what it writes"


@pytest.fixture(scope="module")
def module() -> bytes:
    return resources.files("headlab.engine").joinpath("kernel.wasm").read_bytes()


@pytest.fixture(scope="module")
def lab() -> bytes:
    return resources.files("headlab.engine").joinpath("kernel-lab.wasm").read_bytes()


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    return json.loads(resources.files("headlab.engine").joinpath("kernel.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def scripts() -> Any:
    sys.path.insert(0, str(KERNEL))
    try:
        import interface
        import module
    finally:
        sys.path.remove(str(KERNEL))
    return module, interface


def test_the_module_is_not_older_than_its_sources(told: dict[str, Any], scripts: Any) -> None:
    assert told["sources"] == scripts[0].sources_hash(), (
        f"the module must be built from the sources that are here: {AGAIN}"
    )
    assert told["compiler"] == scripts[0].COMPILER


def test_a_changed_source_would_be_noticed(scripts: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = scripts[0]
    for path in script.sources():
        copy = tmp_path / path.relative_to(KERNEL)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    before = script.sources_hash()
    monkeypatch.setattr(script, "KERNEL", tmp_path)
    assert script.sources_hash() == before
    header = tmp_path / "lanes.hpp"
    header.write_bytes(header.read_bytes().replace(b"\n", b"\r\n"))  # as some systems check it out
    assert script.sources_hash() == before
    header.write_bytes(header.read_bytes() + b"//\n")
    assert script.sources_hash() != before


@pytest.mark.parametrize("name", ["kernel", "kernel-lab"])
def test_what_is_told_is_of_this_module_and_of_these_bits(name: str) -> None:
    engine = resources.files("headlab.engine")
    told = json.loads(engine.joinpath(f"{name}.json").read_text(encoding="utf-8"))
    assert told["module"] == hashlib.sha256(engine.joinpath(f"{name}.wasm").read_bytes()).hexdigest(), AGAIN
    assert told["numerics"] == NUMERICS


def test_the_interface_is_the_headers(told: dict[str, Any], scripts: Any) -> None:
    header = (KERNEL / "headlab.h").read_text(encoding="utf-8")
    found = scripts[1].interface(header)
    assert {key: told[key] for key in found} == found
    assert set(found["functions"]) == set(re.findall(r"\b(hl_\w+)\(", header))


def test_that_of_pages_is_small_enough_to_travel(lab: bytes) -> None:
    assert len(gzip.compress(lab, 9)) <= MOST_GZIPPED


def test_it_imports_nothing_has_a_bounded_memory_and_exports_the_interface(module: bytes, told: dict[str, Any]) -> None:
    wasmtime = pytest.importorskip("wasmtime", reason="wasmtime is not installed")
    config = wasmtime.Config()
    config.wasm_threads = config.wasm_relaxed_simd = False
    compiled = wasmtime.Module(wasmtime.Engine(config), module)
    assert compiled.imports == []
    exports = {item.name: item.type for item in compiled.exports}
    assert set(told["functions"]) | {"memory", "malloc", "free", "hl_full"} <= set(exports)
    assert exports["memory"].limits.max == told["pages"]
