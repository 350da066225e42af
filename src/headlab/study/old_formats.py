"""Studies of formats 1 and 2, for reading only: how their runs were named, and where their arrays lie."""

from collections.abc import Mapping
from typing import Any

from headlab.study.hashes import digest

ARRAYS_BESIDE_ROWS = 1  # the format in which they did
LAST = 2


def identities(specification: Mapping[str, Any]) -> list[str]:
    """Return under which names the runs of each condition are stored: a hash of every field, and of corpus and labels."""
    corpus = specification["corpus"]
    return [digest({**condition, "corpus": corpus})[:16] for condition in specification["conditions"]]
