"""The settings of src/headlab/engine/golden.json, trained by `hl.train`; `make golden` writes their hashes again.

Hashes may change only together with the kernel's `HL_NUMERICS` and `NUMERICS`, which every identity carries.
"""

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import headlab as hl
from headlab.config.numerics import NUMERICS
from headlab.engine import golden as held

PATH = Path(__file__).parents[1] / "src/headlab/engine/golden.json"
FILE = json.loads(PATH.read_text())  # the checkout's, whichever package is installed
MANY, FEW = FILE["seeds"]["many"], FILE["seeds"]["few"]


class Golden(held.Golden):
    """A named setting that can be trained in every way."""

    def train(self, seeds: Sequence[int], corpus: hl.Corpus | None = None, **how: Any) -> hl.Runs:
        """Return the runs of these seeds on the notebook's sentences."""
        corpus = hl.Corpus.notebook() if corpus is None else corpus
        return hl.train(corpus, self.model, self.training, seeds=seeds, record="none", snapshots=None, **how)


SETTINGS = Golden.all_of(FILE)


def sha256(runs: hl.Runs) -> str:
    """Return the hash of all weights of runs, one after the other."""
    batch = runs.dataset.batch
    return held.sha256(runs.params.flat(), batch.order, runs.model.on(batch))


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
