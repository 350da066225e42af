"""The kernel as WebAssembly, kernel.wasm, which is in every wheel, and is the only kernel of one made without a compiler."""

import hashlib
import json
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODULE, TOLD = (ROOT / "src" / "headlab" / "engine" / name for name in ("kernel.wasm", "kernel.json"))


def refuse_stale() -> None:
    """End the build in one sentence where kernel.wasm is not there, or is not what the sources in kernel/ give."""
    if problem := _problem():
        raise SystemExit(
            f"{problem}: `python kernel/module.py` makes it anew (with {_kernel().COMPILER} from PyPI, on any machine); "
            "before that only a wheel with a compiled kernel is built."
        )


def _problem() -> str:
    if not MODULE.exists() or not TOLD.exists():
        return f"{MODULE.name} is not there"
    told = json.loads(TOLD.read_text(encoding="utf-8"))
    if told["module"] != hashlib.sha256(MODULE.read_bytes()).hexdigest():
        return f"{MODULE.name} is not the one that {TOLD.name} tells of"
    if told["sources"] != _kernel().sources_hash():
        return f"{MODULE.name} was made from other sources than those in kernel/"
    return ""


def _kernel():
    """Return the script that makes the module."""
    sys.path.insert(0, str(ROOT / "kernel"))
    try:
        import module

        return module
    finally:
        sys.path.remove(str(ROOT / "kernel"))
