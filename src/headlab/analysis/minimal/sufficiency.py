"""Whether each subset of some parts suffices for the right prediction, every subset and many runs at once.

In the last layer what is kept and what is taken away add up in the logits: one sum a token and subset. Edges of earlier layers
change what the last layer reads and where it looks, so that each subset of those takes a forward pass of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from headlab.analysis.choice import Place
from headlab.analysis.looking.predictions import TIE
from headlab.analysis.minimal.subsets import sums
from headlab.analysis.part import DIRECT_POSITION, DIRECT_TOKEN, Part
from headlab.analysis.subject import Subject
from headlab.arrays import Array, Bool, Float
from headlab.data.alignment import visible
from headlab.model.forward import Activations, forward

NUMBERS = 1_000_000  # at a time, in one activation
Counterparts = Mapping[int, int]  # of positions of the choice's sentence: where each stands in another


@dataclass(frozen=True)
class Scene:
    """A place at which the right token must be predicted with some parts only, and what stands in for the others.

    place, target: where, and the right token; at: where the parts' positions stand in its sentence
    donor: the place whose parts stand in, None for zero; there: where the parts' positions stand in the donor's sentence
    A part without a counterpart at the place is none of it, and one without at the donor becomes zero.
    """

    place: Place
    target: int
    at: Counterparts
    donor: Place | None = None
    there: Counterparts | None = None


def last_layer_first(parts: Sequence[Part], last: int) -> list[Part]:
    """Return the parts in the order in which `suffices` takes them: those of earlier layers than the last one behind."""
    return sorted(parts, key=lambda part: _is_early(part, last))


def suffices(subject: Subject, scenes: Sequence[Scene], parts: Sequence[Part]) -> Bool[Array, "run subset"]:
    """Return [run, subset]: with no other of these parts the target leads in every scene, and nothing is tied with it.

    parts: edges and direct paths, by positions of the choice's sentence, last layer first; what is none of them stays
    """
    last = subject.model.n_layers - 1
    late = [part for part in parts if not _is_early(part, last)]
    early = [part for part in parts if _is_early(part, last)]
    found = np.ones((subject.n_runs, 1 << len(early), 1 << len(late)), bool)
    for scene in scenes:
        row = slice(None) if early else slice(scene.place.sequence, scene.place.sequence + 1)
        # What did not suffice elsewhere is tried no more.
        cases = np.nonzero(found.any(axis=(0, 2)))[0]
        step = max(1, NUMBERS // (subject.n_runs * max(subject.numbers_a_sentence, 1 << len(late))))
        for some in (cases[start : start + step] for start in range(0, len(cases), step)):
            on = _pass(subject, scene, early, some) if early else subject.clean
            lost = [_lost(subject, scene, part, on, row) for part in late]  # [run, case, d_model] each
            found[:, some] &= _right(subject, scene, on, row, lost)
    return found.reshape(subject.n_runs, -1)


def _right(
    subject: Subject, scene: Scene, on: Activations, row: slice, lost: list[Array]
) -> Bool[Array, "run case subset"]:
    """Return [run, case, subset] whether the target leads, with what each part of the last layer takes along when it goes."""
    logits = on.logits[:, row, scene.place.position]
    W_U = subject.params.W_U
    if W_U is not None:
        lost = [part @ W_U for part in lost]
    taken = np.stack(np.broadcast_arrays(*lost), axis=-1) if lost else np.zeros((*logits.shape, 0))
    ahead, takes = logits[..., scene.target, None] - logits, taken[..., scene.target, None, :] - taken
    right = np.repeat(np.all(np.isfinite(logits), axis=-1, keepdims=True), 1 << len(lost), axis=-1)
    with np.errstate(invalid="ignore"):
        least = ahead - np.maximum(takes, 0).sum(axis=-1)  # however few of these parts are kept
        for token in np.flatnonzero(np.fmin.reduce(least, axis=(0, 1)) <= 2 * TIE).tolist():
            if token != scene.target:
                right &= np.asarray(ahead[..., token, None] - sums(takes[..., token, :]) > TIE)
    return right


def lost(subject: Subject, scene: Scene, part: Part) -> Float[Array, "run d_model"]:
    """Return what a part takes along when it goes, less what comes in its place, where it writes; nobody else intervening."""
    row = slice(scene.place.sequence, scene.place.sequence + 1)
    return _lost(subject, scene, part, subject.clean, row)[:, 0]


def _lost(subject: Subject, scene: Scene, part: Part, on: Activations, row: slice) -> Float[Array, "run case d_model"]:
    """Return what a part of the last layer takes along when it goes, less what comes in its place."""
    if part.kind == "edge":
        edge = scene.at.get(part.query or 0), scene.at.get(part.position or 0)
        here = _read(subject, on, part.layer or 0, part.head or 0, row, *edge)
        return here - _stand_in(subject, scene, part) * (None not in edge)
    now = _embed(subject, part, scene.place)
    return (now if scene.donor is None else now - _embed(subject, part, scene.donor))[:, None]


def _stand_in(subject: Subject, scene: Scene, part: Part) -> Float[Array, "run 1 d_model"]:
    """Return what heads read across the edge at the donor, which nobody intervened upon; zero without one."""
    if scene.donor is None or scene.there is None:
        return np.zeros((subject.n_runs, 1, subject.params.W_E.shape[-1]))
    row = slice(scene.donor.sequence, scene.donor.sequence + 1)
    edge = scene.there.get(part.query or 0), scene.there.get(part.position or 0)
    return _read(subject, subject.clean, part.layer or 0, part.head or 0, row, *edge)


def _read(
    subject: Subject, on: Activations, layer: int, head: int, row: slice, query: int | None, key: int | None
) -> Float[Array, "run case d_model"]:
    """Return what a head reads from a key for a query, pattern · v W_O, in some rows; zero where there is no such edge."""
    if query is None or key is None:
        return np.zeros((subject.n_runs, on.v[:, 0, 0, row].shape[1], subject.params.W_E.shape[-1]))
    read = on.pattern[:, layer, head, row, query, key, None] * on.v[:, layer, head, row, key]
    return read if subject.params.W_O is None else read @ subject.params.W_O[:, layer, head]


def _embed(subject: Subject, part: Part, place: Place) -> Float[Array, "run d_model"]:
    embeds = {DIRECT_TOKEN: subject.clean.token_embed, DIRECT_POSITION: subject.clean.pos_embed}[part.kind]
    return embeds[:, place.sequence, place.position]


def _pass(subject: Subject, scene: Scene, early: Sequence[Part], subsets: Array) -> Activations:
    """Run the models on the scene's sentence, a case a subset of earlier layers' edges, without the edges that it lacks."""
    kept = (subsets[:, None] >> np.arange(len(early))) & 1  # [case, part]
    seen = visible(subject.corpus.tokens[scene.place.sequence], scene.place.position, subject.model.causal)
    tokens = np.repeat(subject.corpus.tokens[[scene.place.sequence], : len(seen)], len(subsets), axis=0)
    there = [(part, scene.at.get(part.query or 0), scene.at.get(part.position or 0)) for part in early]

    def edit(name: str, layer: int, activation: Array, before: Mapping[str, Array]) -> Array:
        if name != "z":
            return activation
        activation = activation.copy()
        for number, (part, query, key) in enumerate(there):
            if part.layer == layer and query is not None and key is not None:
                gone = kept[:, number] == 0
                now = before["pattern"][:, part.head, gone, query, key, None] * before["v"][:, part.head, gone, key]
                if subject.params.W_O is not None:
                    now = now @ subject.params.W_O[:, layer, part.head]
                activation[:, part.head, gone, query] += _stand_in(subject, scene, part) - now
        return activation

    with np.errstate(over="ignore", invalid="ignore"):
        return forward(subject.params, tokens, subject.model, edit)


def _is_early(part: Part, last: int) -> bool:
    return part.layer is not None and part.layer < last
