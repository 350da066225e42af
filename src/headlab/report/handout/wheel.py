"""The headlab that is installed, as a wheel that fits every machine: without compiled code, for the kernel in wasmtime."""

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import headlab
from headlab.errors import ConfigError
from headlab.report.handout.archive import zipped

ROOT = Path(headlab.__file__).parent
TAG = "py3-none-any"
LEFT_OUT = {".pyc", ".so", ".pyd", ".dylib", ".pyi", ".cpp", ".hpp", ".pattern"}
RUNTIME = "wasmtime"
WHEEL = f"Wheel-Version: 1.0\nGenerator: headlab\nRoot-Is-Purelib: true\nTag: {TAG}\n"


@dataclass(frozen=True)
class Wheel:
    """A wheel's file name and its content."""

    name: str
    content: bytes


def pure_wheel() -> Wheel:
    """Return this headlab as a wheel for any machine with Python; raises `ConfigError` where it was never installed."""
    try:
        installed = distribution("headlab")
    except PackageNotFoundError:
        said = "autograder.zip must hold the headlab that grades, and this one was never installed: pip install . installs it"
        raise ConfigError(said) from None
    version = installed.version
    info = f"headlab-{version}.dist-info"
    files = dict(_package())
    files[f"{info}/METADATA"] = with_runtime(installed.read_text("METADATA") or "").encode()
    files[f"{info}/WHEEL"] = WHEEL.encode()
    files[f"{info}/entry_points.txt"] = (installed.read_text("entry_points.txt") or "").encode()
    files |= {f"{info}/licenses/{name}": content for name, content in _licenses(installed)}
    files[f"{info}/RECORD"] = _record(files, f"{info}/RECORD").encode()
    return Wheel(f"headlab-{version}-{TAG}.whl", zipped(files))


def with_runtime(metadata: str) -> str:
    """Return a package's metadata with the runtime of its kernel among what it needs, whoever installs it.

    >>> said = 'Name: headlab\\nRequires-Dist: numpy\\nRequires-Dist: wasmtime>=50; extra == "wasm"\\n\\nText'
    >>> print(with_runtime(said).splitlines()[2])
    Requires-Dist: wasmtime>=50
    """
    head, gap, text = metadata.partition("\n\n")
    needs = re.findall(rf"^Requires-Dist: ({RUNTIME}[^;\n]*?)\s*(;.*)?$", head, re.MULTILINE)
    if any(not condition for _, condition in needs):
        return metadata
    line = f"Requires-Dist: {needs[0][0] if needs else RUNTIME}"
    at = next((found.start() for found in re.finditer(rf"^Requires-Dist: {RUNTIME}", head, re.MULTILINE)), len(head))
    before = head[:at] if at < len(head) else f"{head}\n"
    return f"{before}{line}{chr(10) if at < len(head) else ''}{head[at:]}{gap}{text}"


def _package() -> Iterator[tuple[str, bytes]]:
    for path in sorted(ROOT.rglob("*")):
        inside = path.relative_to(ROOT)
        if path.is_file() and path.suffix not in LEFT_OUT and "__pycache__" not in inside.parts:
            yield f"headlab/{inside.as_posix()}", path.read_bytes()


def _licenses(installed: Distribution) -> Iterator[tuple[str, bytes]]:
    for file in sorted(installed.files or (), key=str):
        if (
            "licenses" in file.parts
            and file.parts[0].endswith(".dist-info")
            and (path := Path(str(file.locate()))).is_file()
        ):
            yield path.name, path.read_bytes()


def _record(files: dict[str, bytes], own: str) -> str:
    """Return the list of a wheel's files with the hash and the size of each, its own name without them."""
    lines = [
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b'=').decode()},{len(content)}"
        for name, content in files.items()
    ]
    return "\n".join([*lines, f"{own},,", ""])
