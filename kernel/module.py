"""The kernel as a WebAssembly module: `make kernel` builds it into the package, with what a host must know of it beside it.

    python kernel/module.py            build src/headlab/engine/kernel.wasm and kernel.json
    python kernel/module.py --check    build it again elsewhere, and say whether the bytes are the same
    python kernel/module.py --alone F  build the one of models of attention alone into a file, to see how small it is
    python kernel/module.py --needs    what pip must have installed for that

The module is committed: only who changes the kernel needs the compiler. kernel.json says what it was built from (a hash of the
sources, and the compiler), what it is (its own hash), how much memory it takes at most, and headlab.h as data: see interface.py.
Pages carry kernel-lab.wasm, which is older: docs/decisions/module.md.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from interface import HEADER, interface, size_of

KERNEL = Path(__file__).parent.resolve()
ENGINE = KERNEL.parent / "src" / "headlab" / "engine"
MODULE, TOLD = "kernel.wasm", "kernel.json"
NOT_OF_PAGES = ("hl_evaluate", "hl_feed", "hl_words")
COMPILER = "ziglang==0.17.1"  # as pip names it; another one may give other bytes
PAGES, PAGE = 8192, 1 << 16  # of memory, at most: 512 MiB, so that a telephone gives it
STACK = 1 << 18

TARGET = ["-target", "wasm32-wasi"]
OPTIONS = [
    *TARGET,
    "-std=c++20",
    *(
        "-Os",  # of what trains; the rest is SMALL
        "-flto",
        "-fno-unroll-loops",
        "-fno-vectorize",
        "-fno-slp-vectorize",
        "-fno-exceptions",
        "-fno-rtti",
    ),  # small
    *(
        "-msimd128",
        "-DHEADLAB_ISA=simd128",
        "-ffp-contract=off",
        "-fno-math-errno",
        "-fno-trapping-math",
    ),  # as natively
    *("-Wall", "-Wextra", "-Werror", "-Wno-psabi", "-Wno-unused-command-line-argument"),
]
SMALL = ["-Xclang", "-Oz"]  # ziglang takes -Oz alone for -Os
LINKED = [
    "-mexec-model=reactor",
    "-s",
    "-Wl,--gc-sections",
    f"-Wl,--max-memory={PAGES * PAGE}",
    f"-Wl,-z,stack-size={STACK}",
]
QUICK = "kernel.cpp"  # which says itself what of it is small
HOSTS_OWN = ("malloc", "free", "hl_full")  # exported beside what the header declares


def sources() -> Iterator[Path]:
    """Yield the files that the module is made from, this one included."""
    for path in sorted(KERNEL.rglob("*")):
        if path.suffix in (".h", ".hpp", ".cpp", ".py") and path.name != "cpu.cpp" and "tests" not in path.parts:
            yield path


def sources_hash() -> str:
    """Return the SHA-256 of the sources: their names and contents, whatever ends their lines."""
    digest = hashlib.sha256()
    for path in sources():
        content = path.read_bytes().replace(b"\r\n", b"\n")
        digest.update(path.relative_to(KERNEL).as_posix().encode() + b"\0" + content + b"\0")
    return digest.hexdigest()


def build(folder: Path) -> None:
    """Write the module and what is told of it into a folder; raises `SystemExit` with what the compiler says."""
    told = interface(HEADER.read_text(encoding="utf-8"))
    content = _module([], told["functions"])
    told = {
        "numerics": told["constants"]["HL_NUMERICS"],
        "compiler": COMPILER,
        "sources": sources_hash(),
        "module": hashlib.sha256(content).hexdigest(),
        "pages": PAGES,
        **told,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MODULE).write_bytes(content)
    (folder / TOLD).write_text(_laid_out(told), encoding="utf-8", newline="\n")


def attention_alone() -> bytes:
    """Return the module of models of attention alone, without what pages never ask."""
    told = interface(HEADER.read_text(encoding="utf-8"))
    return _module(["-DHEADLAB_ATTENTION_ALONE"], [name for name in told["functions"] if name not in NOT_OF_PAGES])


def _module(options: list[str], functions: Iterable[str]) -> bytes:
    """Return a module that has these functions."""
    with tempfile.TemporaryDirectory() as scratch:
        proof, module = Path(scratch, "interface.c"), Path(scratch, MODULE)
        proof.write_text(_proof(interface(HEADER.read_text(encoding="utf-8"))), encoding="utf-8")
        exported = [f"-Wl,--export={name}" for name in (*HOSTS_OWN, *functions)]
        _run("cc", *TARGET, "-std=c11", "-I.", "-c", str(proof), "-o", str(Path(scratch, "interface.o")))
        objects = []
        for path in (path.relative_to(KERNEL).as_posix() for path in sources() if path.suffix == ".cpp"):
            objects.append(str(Path(scratch, f"{len(objects)}.o")))
            _run("c++", *OPTIONS, *options, *([] if path == QUICK else SMALL), "-c", path, "-o", objects[-1])
        _run("c++", *OPTIONS, *LINKED, *exported, *objects, "-o", str(module))
        return module.read_bytes()


def _run(*arguments: str) -> None:
    try:
        import ziglang
    except ImportError:
        raise SystemExit(f"the kernel's module must be built by {COMPILER}, got none: pip install {COMPILER}") from None
    zig = Path(ziglang.__file__).parent / ("zig.exe" if os.name == "nt" else "zig")
    cache = KERNEL.parent / "build" / "zig"
    environment = {**os.environ, "ZIG_LOCAL_CACHE_DIR": str(cache), "ZIG_GLOBAL_CACHE_DIR": str(cache)}
    done = subprocess.run(
        [str(zig), *arguments], cwd=KERNEL, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"the kernel's module must compile:\n{done.stdout}{done.stderr}")


def _proof(told: dict[str, Any]) -> str:
    """Return C that compiles only where every field is where the interface says."""
    lines = ["#include <stddef.h>", '#include "headlab.h"']
    for name, struct in told["structs"].items():
        lines.append(f'_Static_assert(sizeof({name}) == {struct["size"]}, "{name}");')
        for field, of in struct["fields"].items():
            size = size_of(of["type"], told["structs"])[0] * of.get("count", 1)
            lines.append(f'_Static_assert(offsetof({name}, {field}) == {of["offset"]}, "{name}.{field}");')
            lines.append(f'_Static_assert(sizeof((({name} *)0)->{field}) == {size}, "{name}.{field}");')
    for name, value in told["constants"].items():
        if isinstance(value, int):
            lines.append(f'_Static_assert({name} == {value}, "{name}");')
    return "\n".join(lines) + "\n"


def _laid_out(told: dict[str, Any]) -> str:
    """Return JSON with a line for each structure, constant and function."""
    lines = []
    for key, value in told.items():
        if isinstance(value, dict):
            inner = ",\n".join(
                f"    {json.dumps(name)}: {json.dumps(of, ensure_ascii=False)}" for name, of in value.items()
            )
            lines.append(f"  {json.dumps(key)}: {{\n{inner}\n  }}")
        else:
            lines.append(f"  {json.dumps(key)}: {json.dumps(value)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _check() -> str | None:
    """Return what is wrong with the module that is committed, or None."""
    with tempfile.TemporaryDirectory() as scratch:
        build(Path(scratch))
        for name in (MODULE, TOLD):
            if (ENGINE / name).read_bytes() != Path(scratch, name).read_bytes():
                return (
                    f"{name} must be what its sources give, byte by byte, got another: run `make kernel` and commit it"
                )
    return None


def main() -> None:
    """Build the module, or check it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="build elsewhere and compare")
    parser.add_argument("--needs", action="store_true", help="print what must be installed")
    parser.add_argument(
        "--alone", type=Path, metavar="FILE", help="build that of models of attention alone into a file"
    )
    asked = parser.parse_args()
    if asked.needs:
        sys.stdout.write(f"{COMPILER}\n")
    elif asked.alone:
        asked.alone.write_bytes(attention_alone())
    elif asked.check:
        raise SystemExit(_check())
    else:
        build(ENGINE)


if __name__ == "__main__":
    main()
