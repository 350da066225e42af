"""Whether each subset of some parts suffices for the right prediction, every subset and many runs at once.

In the last layer what is kept and what is taken away add up in the logits: one sum a token and subset. Edges of earlier layers
change what the last layer reads and where it looks, so that each subset of those is a case of its own for the kernel. Where norms
or MLPs answer to what heads write, nothing adds up, and every subset is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from headlab.analysis.choice import Place
from headlab.analysis.looking.predictions import TIE, place_leads
from headlab.analysis.minimal.subsets import sums
from headlab.analysis.part import DIRECT_POSITION, DIRECT_TOKEN, Part
from headlab.analysis.parts.exact import has_blocks
from headlab.analysis.subject import Subject
from headlab.analysis.trials.interventions import look_at
from headlab.arrays import Array, Bool, Float
from headlab.model.interventions import Case, Change

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
    if has_blocks(subject):
        return _each_looked_at(subject, scenes, parts)
    last = subject.model.n_layers - 1
    late = [part for part in parts if not _is_early(part, last)]
    early = [part for part in parts if _is_early(part, last)]
    found = np.ones((subject.n_runs, 1 << len(early), 1 << len(late)), bool)
    for scene in scenes:
        # What did not suffice elsewhere is tried no more.
        cases = np.nonzero(found.any(axis=(0, 2)))[0]
        step = max(1, NUMBERS // (subject.n_runs * max(subject.numbers_a_sentence, 1 << len(late))))
        for some in (cases[start : start + step] for start in range(0, len(cases), step)):
            logits, goes = _without(subject, scene, early, late, some) if early else _clean(subject, scene, late)
            found[:, some] &= _right(scene, logits, goes)
    return found.reshape(subject.n_runs, -1)


def _each_looked_at(subject: Subject, scenes: Sequence[Scene], parts: Sequence[Part]) -> Bool[Array, "run subset"]:
    """Return the same, every subset a forward pass."""
    found = np.ones((subject.n_runs, 1 << len(parts)), bool)
    step = max(1, NUMBERS // (subject.n_runs * subject.numbers_a_sentence))
    for scene in scenes:
        there = [
            number for number, part in enumerate(parts) if part.kind != "edge" or None not in _edge(part, scene.at)
        ]
        changes = tuple(_change(subject, scene, parts[number]) for number in there)
        case = Case(scene.place.sequence, changes, scene.place.position)
        cases = np.nonzero(found.any(axis=0))[0]
        for some in (cases[start : start + step] for start in range(0, len(cases), step)):
            gone = ((some[:, None] >> np.array(there, int)) & 1) == 0
            logits, _ = look_at(subject).some_changes(case, gone, [])
            found[:, some] &= place_leads(logits, np.array(scene.target)) > TIE
    return found


def _right(scene: Scene, logits: Array, goes: list[Array]) -> Bool[Array, "run case subset"]:
    """Return [run, case, subset] whether the target leads, with what each part of the last layer takes along when it goes."""
    taken = np.stack(np.broadcast_arrays(*goes), axis=-1) if goes else np.zeros((*logits.shape, 0))
    ahead, takes = logits[..., scene.target, None] - logits, taken[..., scene.target, None, :] - taken
    right = np.repeat(np.all(np.isfinite(logits), axis=-1, keepdims=True), 1 << len(goes), axis=-1)
    with np.errstate(invalid="ignore"):
        least = ahead - np.maximum(takes, 0).sum(axis=-1)  # however few of these parts are kept
        for token in np.flatnonzero(np.fmin.reduce(least, axis=(0, 1)) <= 2 * TIE).tolist():
            if token != scene.target:
                right &= np.asarray(ahead[..., token, None] - sums(takes[..., token, :]) > TIE)
    return right


def _clean(subject: Subject, scene: Scene, late: Sequence[Part]) -> tuple[Array, list[Array]]:
    """Return the logits at the scene's place [run, 1, d_vocab], and what each part of the last layer adds to them."""
    logits = subject.clean.logits[:, scene.place.sequence, scene.place.position]
    return logits[:, None], [_seen_in_logits(subject, lost(subject, scene, part)) for part in late]


def _without(
    subject: Subject, scene: Scene, early: Sequence[Part], late: Sequence[Part], subsets: Array
) -> tuple[Array, list[Array]]:
    """Return the same of each subset of earlier layers' edges [run, case, d_vocab], without the edges that it lacks."""
    gone = ((subsets[:, None] >> np.arange(len(early))) & 1) == 0  # [case, part]
    there = [number for number, part in enumerate(early) if None not in _edge(part, scene.at)]
    reads = [part for part in late if part.kind == "edge" and None not in _edge(part, scene.at)]
    case = Case(
        scene.place.sequence, tuple(_change(subject, scene, early[number]) for number in there), scene.place.position
    )
    keys = [(part.head or 0, scene.at[part.position or 0]) for part in reads]
    logits, read = look_at(subject).some_changes(case, gone[:, there], keys)
    return logits, [
        read[:, :, reads.index(part)] - _seen_in_logits(subject, _stand_in(subject, scene, part))
        if part in reads
        else _seen_in_logits(subject, lost(subject, scene, part))
        for part in late
    ]


def _change(subject: Subject, scene: Scene, part: Part) -> Change:
    """Return what becomes of an edge, an MLP or a direct path when it goes."""
    query, key = _edge(part, scene.at) if part.kind == "edge" else (None, None)
    what = {"edge": "edge", "mlp": "mlp", DIRECT_TOKEN: "direct_token", DIRECT_POSITION: "direct_position"}[part.kind]
    if scene.donor is None or scene.there is None:
        return Change(what, "zero", part.layer, part.head, query, key)
    there = [-1] * subject.corpus.n_ctx
    for at, here in scene.at.items():
        there[here] = scene.there.get(at, -1)
    there[scene.place.position] = scene.donor.position
    return Change(what, "from", part.layer, part.head, query, key, scene.donor.sequence, tuple(there))


def _edge(part: Part, at: Counterparts) -> tuple[int | None, int | None]:
    return at.get(part.query or 0), at.get(part.position or 0)


def _seen_in_logits(subject: Subject, written: Float[Array, "run d_model"]) -> Float[Array, "run 1 d_vocab"]:
    W_U = subject.params.W_U
    return written[:, None] if W_U is None else written[:, None] @ W_U


def lost(subject: Subject, scene: Scene, part: Part) -> Float[Array, "run d_model"]:
    """Return what a part takes along when it goes, less what comes in its place, where it writes; nobody else intervening."""
    if part.kind == "edge":
        edge = _edge(part, scene.at)
        here = _read(subject, part.layer or 0, part.head or 0, scene.place.sequence, *edge)
        return here - _stand_in(subject, scene, part) * (None not in edge)
    now = _embed(subject, part, scene.place)
    return now if scene.donor is None else now - _embed(subject, part, scene.donor)


def _stand_in(subject: Subject, scene: Scene, part: Part) -> Float[Array, "run d_model"]:
    """Return what heads read across the edge at the donor, which nobody intervened upon; zero without one."""
    if scene.donor is None or scene.there is None:
        return np.zeros((subject.n_runs, subject.params.W_E.shape[-1]))
    return _read(subject, part.layer or 0, part.head or 0, scene.donor.sequence, *_edge(part, scene.there))


def _read(
    subject: Subject, layer: int, head: int, row: int, query: int | None, key: int | None
) -> Float[Array, "run d_model"]:
    """Return what a head reads from a key for a query, pattern · v W_O, in a sentence; zero where there is no such edge."""
    if query is None or key is None:
        return np.zeros((subject.n_runs, subject.params.W_E.shape[-1]))
    on = subject.clean
    read = on.pattern[:, layer, head, row, query, key, None] * on.v[:, layer, head, row, key]
    return (
        read if subject.params.W_O is None else np.asarray((read[:, None] @ subject.params.W_O[:, layer, head])[:, 0])
    )


def _embed(subject: Subject, part: Part, place: Place) -> Float[Array, "run d_model"]:
    embeds = {DIRECT_TOKEN: subject.clean.token_embed, DIRECT_POSITION: subject.clean.pos_embed}[part.kind]
    return embeds[:, place.sequence, place.position]


def _is_early(part: Part, last: int) -> bool:
    return part.layer is not None and part.layer < last
