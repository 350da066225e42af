"""What the kernel computes in float64, as hashes: tests/data/native.json, which the page's tests read, too.

The requests are in the file, in the words of settings; `python tests/native.py` writes the hashes again.
"""

import hashlib
import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from golden import SETTINGS, Golden

import headlab as hl
from headlab.arrays import Array
from headlab.engine.activations import activations, log, softmax
from headlab.engine.job import Job
from headlab.engine.look import Look
from headlab.engine.parts import Parts
from headlab.engine.trainer import initial_flat, loss_and_gradient, train_flat
from headlab.model.interventions import Case, Change

PATH = Path(__file__).parent / "data/native.json"
FILE = json.loads(PATH.read_text())
ASKED = [golden for golden in SETTINGS if golden.name in FILE["sha256"]]


def computed(golden: Golden) -> dict[str, str]:
    """Return the hash of every result for a setting's model, with large initial weights."""
    corpus = hl.Corpus.notebook()
    job = Job.of(corpus, replace(golden.model, init_scale=FILE["scale"]), replace(golden.training, dtype="float64"))
    weights = initial_flat(job, np.arange(FILE["seeds"], dtype=np.uint64))
    return {name: sha256(array) for name, array in results(job, corpus, weights)}


def results(job: Job, corpus: hl.Corpus, weights: Array) -> Iterator[tuple[str, Array]]:
    """Yield every result by its name, in the order of the vocabulary."""
    yield "weights", weights
    losses, gradient = loss_and_gradient(job, weights)
    yield "losses", losses
    yield "gradient", gradient
    trained = train_flat(job, weights, record_steps=FILE["recorded"])
    yield "trained", trained.weights
    yield "recorded", trained.loss
    cases = [case_of(given) for given in FILE["cases"]]
    look, parts = Look(corpus.batch, job.shape, weights), Parts(corpus.batch, job.shape, weights)
    yield "logits", look.logits(cases)
    yield "pattern", look.patterns(cases)
    yield "everywhere", look.logits([replace(case, at=None) for case in cases])
    reads = [(head, key) for head in range(job.shape.n_heads) for key in FILE["reads"]]
    yield "reads", look.some_changes(cases[0], np.ones((1, len(cases[0].changes)), bool), reads)[1]
    place, readout = tuple(FILE["place"]), np.array(FILE["readout"], float)
    ways = range(job.shape.n_heads) if not job.model.residual else range(-1, job.shape.n_heads)
    paths = [
        tuple((layer, head) for layer, head in enumerate(path) if head >= 0)
        for path in product(ways, repeat=job.shape.n_layers)
    ]
    yield from zip(("token", "position"), parts.along(place, readout, paths), strict=True)
    yield "edge", parts.edges(place, readout)
    yield "adjoint", parts.adjoints(place, readout)
    yield "parts_gradient", parts.gradients(place, readout)
    yield "total", parts.totals(place, readout)
    queries, keys = ([(0, at) for at in FILE[name]] for name in ("queries", "keys"))
    yield "score_parts", parts.of_scores(job.shape.n_layers - 1, queries, keys)
    computed = activations(corpus.batch, job.shape, weights)
    for name, array in computed.items():
        if name not in ("normed", "mlp_out"):  # of models of attention alone they say nothing new
            yield f"clean_{name}", array
    shares = softmax(computed["logits"])
    yield "shares", shares
    yield "logarithms", log(shares)


def case_of(given: Mapping[str, Any]) -> Case:
    read = {"there": tuple, "given": lambda rows: np.array(rows, float)}
    changes = ({name: read.get(name, lambda it: it)(value) for name, value in edit.items()} for edit in given["edits"])
    return Case(given["sequence"], tuple(Change(**change) for change in changes), given["at"])


def sha256(array: Array) -> str:
    return hashlib.sha256(np.ascontiguousarray(array, "<f8").tobytes()).hexdigest()


def write() -> None:
    """Write the file with the hashes that come out."""
    text, hashes = PATH.read_text(), {golden.name: computed(golden) for golden in ASKED}
    written = json.dumps(hashes, indent=2, ensure_ascii=False).replace("\n", "\n  ")
    PATH.write_text(re.sub(r'"sha256": \{.*\}\n\}\n$', lambda _: f'"sha256": {written}\n}}\n', text, flags=re.DOTALL))
    sys.stdout.write("written\n")


if __name__ == "__main__":
    write()
