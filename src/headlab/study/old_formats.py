"""Studies of formats 1 and 2, for reading only: how their runs were named, and where their arrays lie."""

from collections.abc import Mapping
from typing import Any

from headlab.study.columns import DATASET
from headlab.study.hashes import digest
from headlab.tasks import tasks

ARRAYS_BESIDE_ROWS = 1  # the format in which they did


def specification(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a specification as it is now: then all conditions had one corpus, and the notebook's had no name."""
    corpus = given["corpus"]
    named = {"corpus": corpus} | ({"name": "notebook"} if corpus == tasks["notebook"].dataset.corpus.to_dict() else {})
    others = {name: value for name, value in given.items() if name != "corpus"}
    return {**others, "datasets": [named], "conditions": [{DATASET: 0, **item} for item in given["conditions"]]}


def identities(specification: Mapping[str, Any]) -> list[str]:
    """Return under which names the runs of each condition are stored: a hash of every field, and of corpus and labels."""
    corpus = specification["corpus"]
    return [digest({**condition, "corpus": corpus})[:16] for condition in specification["conditions"]]
