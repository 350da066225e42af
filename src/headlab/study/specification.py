"""A study's specification in its file: with its SHA-256, and the hash of the one that it follows."""

import json
from pathlib import Path
from typing import Any

from headlab.errors import StudyError
from headlab.study.conditions import digest
from headlab.study.design import StudyDesign
from headlab.study.folder import Folder

FORMAT = 2  # in 1, arrays lay beside the rows
FIRST = "study.json"
_LATER = r"study\.\d{4}\.json"


def written(design: StudyDesign, follows: str | None = None, version: int = FORMAT) -> bytes:
    """Return the content of a specification's file; follows: the hash of the one before it."""
    specification = design.to_dict()
    sha = digest({"specification": specification, "extends": follows})
    fields = {"format": version, "sha256": sha, "extends": follows, "specification": specification}
    return json.dumps(fields, indent=1).encode() + b"\n"


def read_all(folder: Folder) -> list[dict[str, Any]]:
    """Return a study's specifications, each following the one before it; raises `StudyError`."""
    found: list[dict[str, Any]] = []
    for path in [folder.path / FIRST, *folder.entries(like=_LATER)]:
        given = _read(folder, path)
        if given["extends"] != (found[-1]["sha256"] if found else None):
            raise StudyError(
                f"{path.name} must extend the specification before it, and does not: restore the folder's files"
            )
        found.append(given)
    return found


def _read(folder: Folder, path: Path) -> dict[str, Any]:
    try:
        given = json.loads((folder.read(path) or b"").decode())
        version = given["format"]
        if isinstance(version, int) and version > FORMAT:
            raise StudyError(
                f"a study must be of format {FORMAT} or older, got format {version} in {str(path)!r}: update headlab"
            )
        content = {"specification": given["specification"], "extends": given["extends"]}
        known = type(version) is int and version > 0 and isinstance(given["specification"], dict)
        sound = isinstance(given["sha256"], str) and digest(content) == given["sha256"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        if isinstance(error, StudyError):
            raise
        known, sound = False, False
    if not known:
        raise StudyError(f"{str(path)!r} must be a study's specification, and cannot be read: restore the file")
    if not sound:
        raise StudyError(
            f"{str(path)!r} must not be changed, and its content does not match its hash: restore the file"
        )
    return dict(given)
