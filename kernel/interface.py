"""headlab.h as data: where every field of its structures lies in the memory of a WebAssembly module, constants, functions.

The header is the one place where they are written; hosts that have no C compiler (Python, JavaScript) read what this makes of it.
"""

import re
from pathlib import Path
from typing import Any

HEADER = Path(__file__).parent / "headlab.h"
POINTER = "pointer"
SIZES = {"int32": 4, "uint32": 4, "int64": 8, "uint64": 8, "double": 8, POINTER: 4}


def interface(header: str) -> dict[str, Any]:
    """Return structs (size, fields: type, offset, count), constants and functions (returns, takes) of a header.

    >>> interface("typedef struct { int32_t a; const double *b; int64_t c[2]; } s;")["structs"]["s"]["fields"]["c"]
    {'type': 'int64', 'offset': 8, 'count': 2}
    """
    text = re.sub(r"/\*.*?\*/", " ", header, flags=re.DOTALL)
    structs: dict[str, dict[str, Any]] = {}
    for body, name in re.findall(r"typedef struct \{(.*?)\} (\w+);", text, re.DOTALL):
        structs[name] = _struct(body, structs)
    functions = {
        name: {"returns": _type(returns, structs), "takes": [_type(one, structs) for one in _arguments(takes)]}
        for returns, name, takes in re.findall(r"^([\w ]+[ *])(hl_\w+)\(([^)]*)\);", text, re.MULTILINE)
    }
    return {"structs": structs, "constants": _constants(text), "functions": functions}


def _struct(body: str, structs: dict[str, dict[str, Any]]) -> dict[str, Any]:
    fields: dict[str, dict[str, Any]] = {}
    end, widest = 0, 1
    for declaration in filter(None, (part.strip() for part in body.split(";"))):
        base, first = re.fullmatch(r"((?:const )?\w+)\s*(.*)", declaration, re.DOTALL).groups()
        for declared in first.split(","):
            star, name, count = re.fullmatch(r"\s*(\*?)\s*(\w+)(?:\[(\d+)\])?\s*", declared).groups()
            kind = _type(base + star, structs)
            size, align = size_of(kind, structs)
            end = -(-end // align) * align
            fields[name] = {"type": kind, "offset": end, **({"count": int(count)} if count else {})}
            end, widest = end + size * int(count or 1), max(widest, align)
    return {"size": -(-end // widest) * widest, "align": widest, "fields": fields}


def size_of(kind: str, structs: dict[str, dict[str, Any]]) -> tuple[int, int]:
    """Return the size and the alignment of a type, in bytes."""
    of = structs.get(kind)
    return (of["size"], of["align"]) if of else (SIZES[kind], SIZES[kind])


def _arguments(takes: str) -> list[str]:
    return [] if takes.strip() in ("", "void") else takes.split(",")


def _type(declared: str, structs: dict[str, dict[str, Any]]) -> str:
    """Return the type of a declaration, without the name that an argument may have."""
    if "*" in declared or "[" in declared:
        return POINTER
    word = re.findall(r"\w+", declared.replace("const ", ""))[0]
    return word if word in structs or word == "void" else word.removesuffix("_t")


def _constants(text: str) -> dict[str, int | str]:
    found: dict[str, int | str] = dict(re.findall(r'^#define (HL_\w+) "(.*?)"', text, re.MULTILINE))
    found |= {name: int(value) for name, value in re.findall(r"^#define (HL_\w+) (-?\d+)\b", text, re.MULTILINE)}
    for body in re.findall(r"enum \{(.*?)\}", text, re.DOTALL):
        following = 0
        for name, value in re.findall(r"(HL_\w+)\s*(?:=\s*(-?\d+))?", body):
            found[name] = int(value) if value else following
            following = found[name] + 1
    return found
