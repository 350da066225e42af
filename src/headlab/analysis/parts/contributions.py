"""What speaks for one token and against another: a logit difference as an exact sum over paths and source positions.

With the pattern held fixed the model is linear in its embeddings. A path goes from an embedding through some heads, at
most one a layer, to the logits; the logit difference is the sum over all paths and the positions at which they start:

    logit(a) - logit(b) = sum over paths p and positions s of (W_E[token_s] + W_pos[s]) · G_p[s]

where G_p[s] carries the readout w = W_U[:, a] - W_U[:, b] back along the path: through a head, G'[s] = sum over queries q
of pattern[q, s] · G[q] W_OVᵀ. The kernel works it out; `headlab.model.parts` says the same in NumPy. With one layer these
are the direct path and one path a head and source position. With more layers, a path through two heads is V-composition;
Q- and K-composition change the pattern, see `parts.composition`.

MLPs and norms are parts like any other, frozen at what they are: each norm divides by what it divides by, each MLP writes what
it writes, and the sum is as exact (`headlab.model.frozen`). Besides what embeddings give along paths there is what each MLP
writes, and what biases give. That an MLP or a norm would answer otherwise to another sentence is no part of the sum:
interventions show it.
Source: Elhage et al. 2021, A Mathematical Framework for Transformer Circuits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import comb

import numpy as np
import pandas as pd

from headlab.analysis.choice import Place
from headlab.analysis.part import head_name
from headlab.analysis.parts.exact import FrozenParts, compared, exact
from headlab.analysis.subject import Subject
from headlab.analysis.words import TABLE
from headlab.arrays import Array, Float
from headlab.errors import SelectionError
from headlab.model.matrices import W_OV
from headlab.model.paths import Path, has_biases, paths_of
from headlab.notation.values import short_repr

MAX_PATHS = 2000


@dataclass(frozen=True, eq=False)
class Contributions:
    """The parts of logit(a) - logit(b) at one place, pattern held fixed.

    paths: the heads each path passes; token, position [run, path, source]: what the token embedding and the position
    embedding at each source position give along it; total [run]: the logit difference; remainder [run]: what paths
    that were not listed give, and rounding
    read [run, path, source]: what biases that the first head of a path reads with give along it; None without biases
    written: by name (`MLP 0`, `biases`), what else is written to the stream gives along all that is behind it [run, position]
    """

    place: Place
    paths: tuple[Path, ...]
    token: Float[Array, "run path source"]
    position: Float[Array, "run path source"]
    total: Float[Array, " run"]
    read: Float[Array, "run path source"] | None = None
    written: Mapping[str, Float[Array, "run position"]] = field(default_factory=dict)

    @cached_property
    def remainder(self) -> Float[Array, " run"]:
        """[run]: total less the sum of all listed parts."""
        left = self.total - self.token.sum(axis=(1, 2)) - self.position.sum(axis=(1, 2))
        for others in (*([] if self.read is None else [self.read.sum(axis=2)]), *self.written.values()):
            left = left - others.sum(axis=1)
        return np.asarray(left)

    @cached_property
    def direct(self) -> Float[Array, " run"]:
        """[run]: what the token embedding gives along the direct path, past all heads."""
        return self._direct(self.token)

    @cached_property
    def positional(self) -> Float[Array, " run"]:
        """[run]: what the position embedding gives along the direct path, past all heads."""
        return self._direct(self.position)

    @cached_property
    def by_source(self) -> Float[Array, "run source"]:
        """[run, source]: what comes from each source position through any head."""
        return self._through_heads.sum(axis=1)

    @cached_property
    def by_path(self) -> Float[Array, "run path"]:
        """[run, path]: what goes along each of `paths` but the direct one, in their order."""
        return self._through_heads.sum(axis=2)

    @cached_property
    def by_last_head(self) -> dict[tuple[int, int], Float[Array, " run"]]:
        """[run] for each (layer, head): what it writes to the logits itself, along all paths that it is the last head of."""
        heads = [path[-1] for path in self.paths if path]
        return {head: self.by_path[:, [other == head for other in heads]].sum(axis=1) for head in sorted(set(heads))}

    @property
    def _through_heads(self) -> Float[Array, "run path source"]:
        through = [number for number, path in enumerate(self.paths) if path]
        found = self.token[:, through] + self.position[:, through]
        return found if self.read is None else found + self.read[:, through]

    def _direct(self, parts: Float[Array, "run path source"]) -> Float[Array, " run"]:
        where = [number for number, path in enumerate(self.paths) if not path]
        return parts[:, where].sum(axis=(1, 2))

    def table(self, run: int, names: Sequence[str]) -> pd.DataFrame:
        """Return one run's parts: a row a path, an MLP, all biases; a column a position; the last row is the remainder."""
        rows: dict[str, Array] = {}
        for number, path in enumerate(self.paths):
            if not path:
                rows[TABLE["listed"]["direct:token"]] = self.token[run, number]
                rows[TABLE["listed"]["direct:position"]] = self.position[run, number]
            else:
                through = self.token[run, number] + self.position[run, number]
                rows[path_name(path)] = through if self.read is None else through + self.read[run, number]
        rows |= {name: gives[run] for name, gives in self.written.items()}
        table = (
            pd.DataFrame(rows, index=range(self.token.shape[2])).T.iloc[:, : len(names)].set_axis(list(names), axis=1)
        )
        table["sum"] = table.sum(axis=1)
        table.loc["remainder"] = [0.0] * len(names) + [float(self.remainder[run])]
        return table


def path_name(path: Path) -> str:
    """Return a path in words.

    >>> path_name(()), path_name(((0, 1), (1, 0)))
    ('direct', 'head 0.1 → head 1.0')
    """
    return " → ".join(head_name(*head) for head in path) or "direct"


def contributions(
    subject: Subject, place: Place, target: int, rivals: Sequence[int], max_heads: int | None = None
) -> Contributions:
    """Return the exact parts of logit(target) - mean over rivals of logit(rival) at one place.

    max_heads: leave paths through more heads to the remainder; by default all paths are listed, as long as they are no
        more than 2,000, and otherwise those through the fewest heads

    >>> from headlab.config import ModelConfig
    >>> from headlab.data.corpus import Corpus
    >>> from headlab.model.initial import initial
    >>> corpus = Corpus.notebook()
    >>> subject = Subject(initial(ModelConfig().on(corpus), np.zeros(1, np.uint64)), corpus, ModelConfig())
    >>> parts = contributions(subject, Place(0, 3), 3, [6])
    >>> parts.paths, bool(abs(parts.remainder[0]) < 1e-12)
    (((), ((0, 0),)), True)
    """
    paths = paths_of(subject.model, _longest(subject, max_heads))
    asked = compared(subject.corpus.n_outputs, target, rivals)
    at, parts = (place.sequence, place.position), exact(subject)
    token, position = parts.along(at, asked, paths)
    logits = subject.clean.logits[:, place.sequence, place.position]
    total = logits[:, target] - logits[:, list(rivals)].mean(axis=1)
    if not isinstance(parts, FrozenParts):
        return Contributions(place, paths, token, position, total)
    read = parts.read(at, asked, paths) if has_biases(subject.model) else None
    return Contributions(place, paths, token, position, total, read, parts.written(at, asked))


def edge_contributions(
    subject: Subject, place: Place, target: int, rivals: Sequence[int]
) -> Float[Array, "run layer head sequence position position"]:
    """Return what each attention edge adds to a logit difference at a place, [run, layer, head, sequence, query, key].

    An edge is what a head reads from one key for one query, pattern[q, s] · v_s W_O, seen through everything behind it in
    the place's own sentence, pattern held fixed. `[:, :, :, place.sequence]` are the sentence's own edges; the other
    sentences' say what would be added if the edge were theirs.
    """
    asked, parts = compared(subject.corpus.n_outputs, target, rivals), exact(subject)
    if isinstance(parts, FrozenParts):
        at, rows = (place.sequence, place.position), range(subject.corpus.n_sequences)
        return np.stack([parts.edges_in(at, asked, row) for row in rows], axis=3)
    on, OV = subject.clean, W_OV(subject.params)
    G = parts.adjoints((place.sequence, place.position), asked)
    found = []
    for layer in range(subject.model.n_layers):
        read = on.resid_pre[:, layer, None] @ OV[:, layer, :, None]  # [run, head, sequence, key, d_model]
        found.append(on.pattern[:, layer] * (G[:, layer + 1, None, None] @ np.swapaxes(read, -1, -2)))
    return np.stack(found, axis=1)


def _longest(subject: Subject, max_heads: int | None) -> int:
    layers, heads = subject.model.n_layers, subject.model.n_heads
    if max_heads is not None:
        if isinstance(max_heads, bool) or not isinstance(max_heads, int) or max_heads < 0:
            raise SelectionError(f"max_heads must be a whole number from 0, got {short_repr(max_heads)}")
        return max_heads
    if not subject.model.residual:
        return layers
    counts = np.cumsum([float(comb(layers, n)) * float(heads) ** n for n in range(layers + 1)])
    return int(np.searchsorted(counts, MAX_PATHS, side="right")) - 1 if counts[-1] > MAX_PATHS else layers
