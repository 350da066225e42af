"""The kernel as WebAssembly, kernel.wasm, which is in every wheel and runs where nothing can be compiled."""

import hashlib
import json
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODULE, SAID = (ROOT / "src" / "headlab" / "engine" / name for name in ("kernel.wasm", "kernel.json"))


def refuse_stale() -> None:
    """End the build, in one sentence, where kernel.wasm is not there or was compiled from other sources than kernel/ has."""
    if problem := _problem():
        raise SystemExit(f"{problem}: `make kernel` compiles it (with a compiler from PyPI), and a wheel needs it.")


def _problem() -> str:
    if not MODULE.exists() or not SAID.exists():
        return f"{MODULE.relative_to(ROOT)} is not there"
    said = json.loads(SAID.read_text(encoding="utf-8"))
    if said["module"] != hashlib.sha256(MODULE.read_bytes()).hexdigest():
        return f"{MODULE.name} is not the module that {SAID.name} speaks of"
    return ""
