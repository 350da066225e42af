"""The settings of src/headlab/engine/golden.json and their hashes; `make golden` writes the hashes again.

A setting says what differs from `model` and `training` at the top of the file. The kernel's own test reads the same file.
Hashes may change only together with the kernel's `HL_NUMERICS` and `NUMERICS`, which every identity carries.
"""

import hashlib
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import headlab as hl
from headlab.engine._native import NUMERICS
from headlab.model.order import reordered

PATH = Path(__file__).parents[1] / "src/headlab/engine/golden.json"
FILE = json.loads(PATH.read_text())
MANY, FEW = FILE["seeds"]["many"], FILE["seeds"]["few"]


@dataclass(frozen=True)
class Golden:
    """A named setting; sha256 [of `many` and of `few` seeds]: of weights in training order, little-endian."""

    name: str
    model: hl.ModelConfig
    training: hl.TrainConfig
    sha256: Mapping[str, str]

    @classmethod
    def of(cls, setting: Mapping[str, Any]) -> "Golden":
        model = hl.ModelConfig.from_dict({**FILE["model"], **setting["model"]})
        training = hl.TrainConfig.from_dict({**FILE["training"], **setting["training"]})
        return cls(setting["name"], model, training, setting["sha256"])

    def train(self, seeds: Sequence[int], corpus: hl.Corpus | None = None, **how: Any) -> hl.Runs:
        """Return the runs of these seeds on the notebook's sentences."""
        corpus = hl.Corpus.notebook() if corpus is None else corpus
        return hl.train(corpus, self.model, self.training, seeds=seeds, record="none", snapshots=None, **how)


SETTINGS = [Golden.of(setting) for setting in FILE["settings"]]


def sha256(runs: hl.Runs) -> str:
    """Return the hash of all weights of runs, one after the other."""
    batch = runs.dataset.batch
    flat = reordered(runs.params, batch.order, runs.model.on(batch)).flat()
    return hashlib.sha256(np.ascontiguousarray(flat, dtype="<f4").tobytes()).hexdigest()


def write() -> None:
    """Train every setting and write the file with the hashes that come out."""
    text = PATH.read_text()
    for golden in SETTINGS:
        runs = golden.train(range(MANY))
        new = {"many": sha256(runs), "few": sha256(runs[:FEW])}
        said = "" if new == golden.sha256 else "  new: raise NUMERICS"
        sys.stdout.write(f"{golden.name:34} {new['many'][:12]}{said}\n")
        at = text.index(json.dumps(golden.name, ensure_ascii=False))
        text = text[:at] + re.sub(r'"sha256": \{.*?\}', f'"sha256": {json.dumps(new)}', text[at:], count=1)
    PATH.write_text(re.sub(r'"numerics": \d+', f'"numerics": {NUMERICS}', text))


if __name__ == "__main__":
    write()
