"""A study's specification in its file: with its SHA-256, and the hash of the one that it follows.

Formats: 1, arrays beside the rows; 2, runs named by every field; 3, by what differs from the defaults (`study.identity`).
"""

import json
from pathlib import Path
from typing import Any

from headlab.config.numerics import NUMERICS
from headlab.errors import StudyError
from headlab.study import old_formats
from headlab.study.design import StudyDesign
from headlab.study.folder import Folder
from headlab.study.hashes import digest

FORMAT = 3
FIRST = "study.json"
_LATER = r"study\.\d{4}\.json"


def file_of(design: StudyDesign, follows: str | None = None) -> bytes:
    """Return the content of a specification's file; follows: the hash of the one before it."""
    content = {"specification": design.to_dict(), "extends": follows, "numerics": design.numerics}
    return json.dumps({"format": FORMAT, "sha256": digest(content), **content}, indent=1).encode() + b"\n"


def read_all(folder: Folder) -> list[dict[str, Any]]:
    """Return a study's specifications, each following the one before it; raises `StudyError`."""
    found: list[dict[str, Any]] = []
    for path in [folder.path / FIRST, *folder.entries(like=_LATER)]:
        given = _read(folder, path)
        before = found[-1] if found else {**given, "sha256": None}
        if [given["extends"], given["format"], given["numerics"]] != [
            before[n] for n in ("sha256", "format", "numerics")
        ]:
            raise StudyError(
                f"{path.name} must extend the specification before it, and does not: restore the folder's files"
            )
        found.append(given)
    return found


def design_of(given: dict[str, Any]) -> StudyDesign:
    """Return what a specification's file says; raises `StudyError`."""
    specification = given["specification"]
    if given["format"] == FORMAT:
        return StudyDesign.from_dict(specification, given["numerics"])
    try:
        now, names = old_formats.specification(specification), old_formats.identities(specification)
    except (KeyError, TypeError, ValueError) as error:
        raise StudyError(
            f"a study's specification must be one that headlab wrote, and is not ({type(error).__name__}: {error}): "
            f"restore the file"
        ) from None
    return StudyDesign.from_dict(now, given["numerics"], names)


def _read(folder: Folder, path: Path) -> dict[str, Any]:
    unreadable = StudyError(f"{str(path)!r} must be a study's specification, and cannot be read: restore the file")
    try:
        given = json.loads((folder.read(path) or b"").decode())
        _refuse_newer(path, "format", given["format"], FORMAT)
        numerics = given["numerics"] if given["format"] == FORMAT else 0
        _refuse_newer(path, "numerics", numerics, NUMERICS)
        content = {"specification": given["specification"], "extends": given["extends"]}
        content |= {"numerics": numerics} if numerics else {}
        sound = isinstance(given["sha256"], str) and digest(content) == given["sha256"]
        known = isinstance(given["specification"], dict) and (numerics > 0) == (given["format"] == FORMAT)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise error if isinstance(error, StudyError) else unreadable from None
    if not known:
        raise unreadable
    if not sound:
        raise StudyError(
            f"{str(path)!r} must not be changed, and its content does not match its hash: restore the file"
        )
    return {**given, "numerics": numerics}


def _refuse_newer(path: Path, name: str, number: Any, newest: int) -> None:
    if type(number) is not int or number < 0:
        raise ValueError
    if number > newest:
        raise StudyError(
            f"a study must be of {name} {newest} or older, got {name} {number} in {str(path)!r}: update headlab"
        )
