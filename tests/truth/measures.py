"""What is true of some runs at one place, measured by hand: choices, what gives what, the coding split, every ablation."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from headlab.analysis.subject import Subject
from truth.network import Array, Edit, Network, Pass, probabilities
from truth.places import Place, Sentences, kept

TIE = 1e-9
Part = tuple[
    object, ...
]  # ("source", position), ("head", layer, head), ("direct:token",), ("direct:position",), ("positions",)
KINDS = ("zero", "mean", "resample", "mask")
WITHIN = ("positions", "direct:position")


class World:
    """Some runs of one model on one corpus; only weights, ids, words and flags are read."""

    def __init__(self, subject: Subject) -> None:
        model, corpus = subject.model, subject.corpus
        self.tokens = np.array(corpus.tokens)
        self.words = corpus.vocabulary
        self.weights_in_loss = np.array(corpus.weights, float)
        self.loss_kind, self.share = subject.loss, subject.dataset.goal.share
        weights = {name: np.array(w, np.float64) for name, w in subject.params.items()}
        self.net = Network(weights, model.n_layers, model.n_heads, model.d_head, model.causal, model.residual)
        self.n_layers, self.n_heads, self.has_positions = model.n_layers, model.n_heads, model.positions
        self.text = Sentences(self.tokens, corpus.targets, model)
        sound = [np.isfinite(w).reshape(len(w), -1).all(axis=1) for w in weights.values()]
        ended = np.ones(self.net.n_runs, bool) if subject.finished is None else np.array(subject.finished)
        with np.errstate(all="ignore"):
            self.clean = self.net(self.tokens)
        finite = np.isfinite(self.clean.logits[:, self.tokens >= 0]).all(axis=(1, 2))
        self.finite = np.logical_and.reduce(sound) & ended & finite

    @kept
    def at(self, place: Place) -> "Scene":
        return Scene(self, place)

    def bigram(self, token: int) -> dict[int, float]:
        """P(target | token) by weight."""
        found: dict[int, float] = {}
        for r, p in self.text.asked:
            if self.text.token((r, p)) == token:
                target = self.text.target((r, p))
                found[target] = found.get(target, 0.0) + self.weights_in_loss[r, p]
        total = sum(found.values())
        return {target: weight / total for target, weight in found.items()}


@dataclass(frozen=True)
class Donor:
    """Where a part is resampled from, and the position there of each one here."""

    place: Place
    pairs: tuple[tuple[int, int], ...]


class Scene:
    """One place of a world; arrays begin with the run axis."""

    def __init__(self, world: World, place: Place) -> None:
        self.world, self.place, self.net, self.text = world, place, world.net, world.text
        self.row, self.position = place
        self.target = world.text.target(place)
        self.logits = world.clean.logits[:, self.row, self.position]
        self.p = probabilities(self.logits)
        self.alternatives = sorted(world.text.following(world.text.token(place)) - {self.target})
        self.sentence = world.text.rows[self.row]
        self.seen = list(world.text.seen(place))

    @cached_property
    def parts(self) -> list[Part]:
        world = self.world
        found: list[Part] = [("source", at) for at in self.seen]
        if world.n_layers * world.n_heads > 1:
            found += [("head", layer, head) for layer in range(world.n_layers) for head in range(world.n_heads)]
        if self.net.residual:
            found.append(("direct:token",))
            found += [("direct:position",)] if world.has_positions else []
        return [*found, ("positions",)] if world.has_positions else found

    # What is chosen

    def first(self, run: int) -> list[int]:
        """The most likely tokens."""
        return np.nonzero(self.logits[run] >= self.logits[run].max() - TIE)[0].tolist()

    @kept
    def rivals(self, run: int) -> tuple[int, ...]:
        """What the target is held against."""
        best = self.first(run)
        if self.target not in best:
            return tuple(best)
        top = max(self.logits[run, a] for a in self.alternatives)
        return tuple(a for a in self.alternatives if self.logits[run, a] >= top - TIE)

    @kept
    def others(self, run: int) -> list[Place]:
        """Where a rival is right; where none ever is, where an alternative is."""
        found = self.text.others(self.place, frozenset(self.rivals(run)))
        return found or self.text.others(self.place, frozenset(self.alternatives))

    def lead(self, run: int) -> float:
        """Of the target over the strongest other token."""
        return float(self.logits[run, self.target] - np.delete(self.logits[run], self.target).max())

    @staticmethod
    def D(logits: Array, target: int, rivals: tuple[int, ...]) -> float:
        return float(logits[target]) - sum(float(logits[rival]) for rival in rivals) / len(rivals)

    # What gives what: the embeddings of one position alone, with the pattern held

    def _frozen(self, A: Array, stream: Array) -> Array:
        """Logits [run, case, query, d_vocab] of streams [run, case, position, d] with patterns [run, layer, head, query, key]."""
        for layer in range(self.world.n_layers):
            out = np.einsum("rhqk,rckd,rhde->rcqe", A[:, layer], stream, self.net.through[:, layer])
            stream = stream + out if self.net.residual else out
        W_U = self.net.weights.get("W_U")
        return stream if W_U is None else np.einsum("rcqd,rdv->rcqv", stream, W_U)

    def _write(self, vectors: Array) -> Array:
        W_U = self.net.weights.get("W_U")
        return vectors if W_U is None else np.einsum("r...d,rdv->r...v", vectors, W_U)

    @cached_property
    def gives(self) -> dict[Part, Array]:
        """What each part adds to the logits [run, d_vocab]."""
        clean, T = self.world.clean, len(self.sentence)
        embeds = (clean.token + clean.position)[:, self.row, :T]
        alone = np.zeros((len(embeds), T, T, embeds.shape[-1]))
        for at in range(T):
            alone[:, at, at] = embeds[:, at]
        A = clean.A[:, :, :, self.row, :T, :T]
        out = self._frozen(A, alone)[:, :, self.position]
        found: dict[Part, Array] = {}
        if self.net.residual:
            found["direct:token",] = self._write(clean.token[:, self.row, self.position])
            found["direct:position",] = self._write(clean.position[:, self.row, self.position])
            out[:, self.position] -= found["direct:token",] + found["direct:position",]
        for at in self.seen:
            found["source", at] = out[:, at]
        return found

    # The coding split

    def recombined(self, A_of: Place, E_of: Place, pairs: dict[int, int]) -> tuple[Array, Array]:
        """Logits through heads and past them [run, d_vocab], with the pattern of one place and the embeddings of another.

        pairs: the position in the sentence of E for each of A's; what has none reads nothing
        """
        clean = self.world.clean
        T = len(self.text.rows[A_of[0]])
        embeds = (clean.token + clean.position)[:, E_of[0]]
        stream = np.zeros((len(embeds), 1, T, embeds.shape[-1]))
        for here, there in pairs.items():
            stream[:, 0, here] = embeds[:, there]
        out = self._frozen(clean.A[:, :, :, A_of[0], :T, :T], stream)[:, 0, A_of[1]]
        past = np.zeros_like(out)
        if self.net.residual:
            past = self._write(embeds[:, E_of[1]])
            out = out - past
        return out, past

    @kept
    def _recombined(self, A_of: Place, E_of: Place, pairs: tuple[tuple[int, int], ...]) -> tuple[Array, Array]:
        return self.recombined(A_of, E_of, dict(pairs))

    @kept
    def _kept(self, unpaired: frozenset[int]) -> dict[int, Array]:
        """What each source gives the logits [run, d_vocab] by paths that neither start at nor pass these positions."""
        clean, T = self.world.clean, len(self.sentence)
        embeds = (clean.token + clean.position)[:, self.row, :T]
        alone = np.zeros((len(embeds), T, T, embeds.shape[-1]))
        for at in range(T):
            if at not in unpaired:
                alone[:, at, at] = embeds[:, at]
        A = clean.A[:, :, :, self.row, :T, :T].copy()
        A[:, :, :, sorted(unpaired)] = 0
        out = self._frozen(A, alone)[:, :, self.position]
        if self.net.residual:
            out[:, self.position] -= self._write(embeds[:, self.position])
        return {at: out[:, at] for at in self.seen}

    @kept
    def counterparts(self, run: int, other: Place) -> tuple[dict[int, int], tuple[list[int], list[int]]]:
        """The position there of each one here, in the alignment whose positions without one give D least; and these."""
        there, rivals, sides = self.world.at(other), self.rivals(run), []
        for pairs in self.text.alignments(self.place, other):
            lost = (
                [at for at in self.seen if at not in pairs],
                [at for at in there.seen if at not in pairs.values()],
            )
            amount = sum(
                abs(self.D(scene.gives["source", at][run], self.target, rivals))
                for scene, some in zip((self, there), lost, strict=True)
                for at in some
            )
            sides.append((amount, pairs, lost))
        least = min(amount for amount, _, _ in sides) + TIE
        return next((pairs, lost) for amount, pairs, lost in sides if amount <= least)

    @kept
    def coding(self, run: int) -> dict[str, float] | None:
        """Pattern, value and direct part of the change of D, and what goes through what has no counterpart; means over others."""
        rivals, splits = self.rivals(run), []

        def D(logits: Array) -> float:
            return self.D(logits[run], self.target, rivals)

        for other in self.others(run):
            there = self.world.at(other)
            pairs, lost = self.counterparts(run, other)
            all_of = [{at: at for at in scene.seen} for scene in (self, there)]
            back = {b: a for a, b in pairs.items()}

            def mixed(A_of: Place, E_of: Place, of: dict[int, int]) -> tuple[float, float]:
                through, past = self._recombined(A_of, E_of, tuple(of.items()))
                return D(through), D(past)

            (own, direct), (own_there, direct_there) = (
                mixed(scene.place, scene.place, of) for scene, of in zip((self, there), all_of, strict=True)
            )
            read_there, read_here = mixed(self.place, other, pairs)[0], mixed(other, self.place, back)[0]
            unpaired = 0.0
            for scene, some in zip((self, there), lost, strict=True):
                if some:
                    kept = scene._kept(frozenset(some))
                    unpaired += sum(abs(D(scene.gives["source", at]) - D(kept[at])) for at in scene.seen)
            splits.append(
                {
                    "pattern": (own - read_here + read_there - own_there) / 2,
                    "value": (own - read_there + read_here - own_there) / 2,
                    "direct": direct - direct_there,
                    "unpaired": unpaired,
                }
            )
        return {name: float(np.mean([split[name] for split in splits])) for name in splits[0]} if splits else None

    @kept
    def donors(self, run: int) -> list[Donor]:
        """Where parts are resampled from: every other place, in every alignment."""
        return [
            Donor(other, tuple(pairs.items()))
            for other in self.others(run)
            for pairs in self.text.alignments(self.place, other)
        ]

    # What becomes of it

    @kept
    def trial(self, kind: str, donor: Donor | None = None) -> "dict[Part, After]":
        """What is at the place after each part was taken away, where that is possible."""
        some = [part for part in self.parts if kind != "mask" or part[0] == "source"]
        if kind == "resample":
            some = [part for part in some if (part[0] in WITHIN) == (donor is None)]
        if kind == "mean" and len(self.world.tokens) == 1:
            some = [part for part in some if part[0] in WITHIN]
        edits = [self._edit(part, kind, donor) for part in some]
        if not edits:
            return {}
        with np.errstate(all="ignore"):
            after = self.net(np.repeat(self.world.tokens[[self.row]], len(edits), axis=0), edits).logits
        return {part: After.of(after[:, case, self.position], self.target) for case, part in enumerate(some)}

    def _edit(self, part: Part, kind: str, donor: Donor | None) -> Edit:
        clean, row = self.world.clean, self.row
        T = self.world.tokens.shape[1]
        shape = self.world.n_layers, self.world.n_heads, T, T
        match part:
            case ("source", int(key)):
                cut = np.zeros(shape, bool)
                cut[..., key] = True
                if kind == "mask":
                    return Edit(forbid=cut)
                return Edit(keep=np.where(cut, 0.0, 1.0), add=self._replaced_reads(key, kind, donor))
            case ("head", int(layer), int(head)):
                keep = np.ones(shape)
                keep[layer, head] = 0
                if kind == "zero":
                    return Edit(keep=keep)
                add = np.zeros((self.net.n_runs, *shape[:3], clean.token.shape[-1]))
                add[:, layer, head] = self._replaced(clean.heads[:, layer, head], kind, donor)
                return Edit(keep=keep, add=add)
            case ("direct:token",):
                return Edit(direct=self._replaced(clean.token, kind, donor) - clean.token[:, row])
            case ("direct:position",):
                return Edit(direct=self._other_positions(kind) - clean.position[:, row])
            case ("positions",):
                return Edit(position=self._other_positions(kind))
        raise ValueError(part)

    def _replaced_reads(self, key: int, kind: str, donor: Donor | None) -> Array | None:
        """What is read from a key instead [run, layer, head, query, d_model]."""
        if kind == "zero":
            return None
        reads, tokens = self.world.clean.reads, self.world.tokens
        out = np.zeros_like(reads[:, :, :, self.row, :, 0])
        if donor is None:
            for query in range(tokens.shape[1]):
                having = [r for r in range(len(tokens)) if tokens[r, query] >= 0 and tokens[r, key] >= 0]
                if having:
                    out[:, :, :, query] = reads[:, :, :, having, query, key].mean(axis=3)
            return out
        there = dict(donor.pairs)
        for query in range(len(self.sentence)):
            if query in there and key in there:
                out[:, :, :, query] = reads[:, :, :, donor.place[0], there[query], there[key]]
        return out

    def _replaced(self, values: Array, kind: str, donor: Donor | None) -> Array:
        """What stands at each position instead [run, position, d], of values [run, sentence, position, d]."""
        tokens = self.world.tokens
        out = np.zeros_like(values[:, 0])
        if kind == "mean":
            for at in range(tokens.shape[1]):
                having = [r for r in range(len(tokens)) if tokens[r, at] >= 0]
                out[:, at] = values[:, having, at].mean(axis=1)
        elif donor is not None:
            for here, there in donor.pairs:
                out[:, here] = values[:, donor.place[0], there]
        return out

    def _other_positions(self, kind: str) -> Array:
        own = self.world.clean.position[:, self.row].copy()
        n = len(self.sentence)
        if kind == "zero":
            own[:] = 0
        elif kind == "mean":
            own[:, :n] = own[:, :n].mean(axis=1, keepdims=True)
        else:
            own[:, :n] = np.concatenate([own[:, n - 1 : n], own[:, : n - 1]], axis=1)
        return own


@dataclass(frozen=True)
class After:
    """Logits [run, d_vocab] after a trial, by how much the target leads then [run], and what is most likely [run, d_vocab]."""

    logits: Array
    lead: Array
    first: NDArray[np.bool_]

    @classmethod
    def of(cls, logits: Array, target: int) -> "After":
        others = np.delete(logits, target, axis=1).max(axis=1)
        return cls(logits, logits[:, target] - others, logits >= logits.max(axis=1, keepdims=True) - TIE)


@dataclass(frozen=True)
class Outcome:
    """What becomes of a prediction in one run: of several donors those after which the target leads least.

    after: the logits after each of all donors; winners: the most likely tokens, after the hardest donors
    """

    after: tuple[Array, ...]
    winners: frozenset[int]


@kept
def outcome(scene: Scene, part: Part, kind: str, run: int) -> Outcome | None:
    """Take a part away from one run; None where that is not possible."""
    resampled = kind == "resample" and part[0] not in WITHIN
    trials = [scene.trial(kind, donor).get(part) for donor in (scene.donors(run) if resampled else [None])]
    known = [trial for trial in trials if trial is not None]
    if not known:
        return None
    least = min(trial.lead[run] for trial in known) + TIE
    winners = {int(token) for trial in known if trial.lead[run] <= least for token in trial.first[run].nonzero()[0]}
    return Outcome(tuple(trial.logits[run] for trial in known), frozenset(winners))


@kept
def predicted_without(scene: Scene, part: Part, run: int) -> dict[str, frozenset[int]]:
    """What is most likely instead, by ablation after which it is not what it was before."""
    before, found = set(scene.first(run)), {}
    for kind in KINDS:
        now = outcome(scene, part, kind, run)
        if now is not None and now.winners != before:
            found[kind] = now.winners
    return found


def changes_nothing(scene: Scene, part: Part, run: int) -> bool:
    """No flip, the target's probability within 5 points, its lead over every alternative within a tenth, in every trial."""
    before, logits = scene.first(run), scene.logits[run]
    for kind in KINDS:
        now = outcome(scene, part, kind, run)
        for row in now.after if now else ():
            if abs(probabilities(row)[scene.target] - scene.p[run, scene.target]) > 0.05:
                return False
            if row[before].max() < row.max() - TIE:
                return False
            for other in {*scene.alternatives, *scene.rivals(run)}:
                D, moved = logits[scene.target] - logits[other], row[scene.target] - row[other]
                if abs(moved - D) > 0.1 * abs(D) + TIE:
                    return False
    return True


def close(shown: float, true: float, slack: float = 1e-7) -> bool:
    """Whether a plain number is the measured one."""
    return bool(abs(shown - true) <= slack * (1 + abs(true))) or (np.isnan(shown) and np.isnan(true))


__all__ = ["KINDS", "TIE", "Donor", "Part", "Pass", "Scene", "World", "close"]
