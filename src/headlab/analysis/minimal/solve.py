"""All minimal sets of parts that suffice for one choice, in every run: by zero, and by resampling from every donor."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from headlab.analysis.choice import Choice, Place, nearest_places
from headlab.analysis.looking.predictions import TIE, place_leads
from headlab.analysis.minimal.subsets import members, minimal
from headlab.analysis.minimal.sufficiency import Scene, last_layer_first, suffices
from headlab.analysis.minimal.tried import largest, parts_of
from headlab.analysis.part import Part
from headlab.analysis.parts.coding import aligned
from headlab.analysis.subject import Subject
from headlab.arrays import Array, Bool, Int

ABLATIONS = ("zero", "resample")
SUBSETS_AT_A_TIME = 4_000_000  # of all runs together


@dataclass(frozen=True)
class Sufficient:
    """The minimal sets of one run's prediction by one ablation.

    parts: what was kept or taken away; left: how many parts stayed as they are, as they give less
    sets: every minimal set, as numbers of parts, the smallest first; none where the right tokens do not lead with all parts
    monotone: whether with a set that suffices every larger one does
    """

    parts: tuple[Part, ...]
    left: int
    sets: tuple[tuple[int, ...], ...]
    monotone: bool

    @property
    def smallest(self) -> int | None:
        """How many parts the smallest set has; None without a set."""
        return len(self.sets[0]) if self.sets else None


def solve(subject: Subject, choice: Choice) -> dict[str, list[Sufficient | None]]:
    """Return the minimal sets of every run by each ablation; None by `resample` where no other place has an alternative.

    A set suffices when, every part outside it taken away, the right token leads at the choice's place and at each of its other
    places, where the same parts are kept: a part is a slot of the alignment (see `data.alignment`), and what stands only in
    the other sentence stays. By zero what is taken away becomes zero. By resampling it becomes what it is at the other place,
    at the choice's place in turn from every donor (its other places, and the nearest places of every alternative), and
    at the other places from the choice's. All subsets are tried, up to 2¹⁶: of more parts, those that give most.

    >>> from headlab.analysis.choice import choices
    >>> from headlab.config import ModelConfig
    >>> from headlab.data.corpus import Corpus
    >>> from headlab.model.initial import initial
    >>> corpus = Corpus.notebook()
    >>> subject = Subject(initial(ModelConfig().on(corpus), np.zeros(1, np.uint64)), corpus, ModelConfig())
    >>> found = solve(subject, choices(subject)[0])["zero"][0]
    >>> len(found.parts), found.left, found.sets  # before any training nothing is predicted right
    (6, 0, ())
    """
    found: dict[str, list[Sufficient | None]] = {kind: [None] * subject.n_runs for kind in ABLATIONS}
    for tried in trials(subject, choice):
        for kind in tried.tables:
            for run, sets in zip(tried.runs.tolist(), minimal_of(tried, kind), strict=True):
                found[kind][run] = sets
    return found


@dataclass(frozen=True, eq=False)
class Tried:
    """What was tried in runs of which the same parts are kept or taken away.

    runs: their numbers; parts, left: as in `Sufficient`; donors: what is resampled from, with the counterparts there of the
    positions of the choice's sentence; tables: by ablation, whether each subset suffices in all scenes [run, subset]; none does
    where the right tokens do not lead with all parts: there is no right prediction to explain
    """

    runs: Int[Array, " some"]
    parts: tuple[Part, ...]
    left: int
    donors: dict[Place, dict[int, int]]
    tables: dict[str, Bool[Array, "some subset"]]


def trials(subject: Subject, choice: Choice) -> Iterator[Tried]:
    """Yield what becomes of every subset of parts, some runs at a time; see `solve`."""
    parts, gives = parts_of(subject, choice)
    numbers = largest(gives)
    ways = {place: aligned(subject, choice, place) for place in donors_of(subject, choice)}
    right = _all_right(subject, choice)
    chosen = [which for _, which in ways.values()]
    for runs in _alike(np.column_stack([numbers, *chosen]), SUBSETS_AT_A_TIME >> numbers.shape[1]):
        first = runs[0]
        some = last_layer_first([parts[number] for number in numbers[first].tolist()], subject.model.n_layers - 1)
        donors = {place: dict(every[which[first]].pairs) for place, (every, which) in ways.items()}
        tables = {}
        for kind, scenes in scenes_of(subject, choice, donors).items():
            tables[kind] = np.zeros((len(runs), 1 << len(some)), bool)
            if right[runs].any():
                tables[kind][right[runs]] = suffices(subject.some(runs[right[runs]]), scenes, some)
        yield Tried(runs, tuple(some), len(parts) - len(some), donors, tables)


def _all_right(subject: Subject, choice: Choice) -> Bool[Array, " run"]:
    """Return [run]: with all parts the right tokens lead at the choice's place and at its other places."""
    targets = subject.corpus.targets
    wanted = [(choice.place, choice.target), *((at, targets[at.sequence, at.position]) for at in choice.others)]
    logits = np.stack([subject.clean.logits[:, at.sequence, at.position] for at, _ in wanted], axis=1)
    leads = place_leads(logits, np.array([target for _, target in wanted]))
    return np.asarray((leads > TIE).all(axis=1))


def minimal_of(tried: Tried, kind: str) -> list[Sufficient]:
    """Return the minimal sets by one ablation of every run that was tried."""
    table = tried.tables[kind]
    smallest, monotone = minimal(table)
    sets: list[list[tuple[int, ...]]] = [[] for _ in table]
    for run, subset in np.argwhere(smallest).tolist():
        sets[run].append(members(subset))
    return [
        Sufficient(tried.parts, tried.left, tuple(sorted(each, key=lambda one: (len(one), one))), bool(alone))
        for each, alone in zip(sets, monotone, strict=True)
    ]


def scenes_of(subject: Subject, choice: Choice, donors: dict[Place, dict[int, int]]) -> dict[str, list[Scene]]:
    """Return where the right token must be predicted by each ablation that is possible."""
    row, targets = choice.place.sequence, subject.corpus.targets
    itself = {at: at for at in range(int(subject.corpus.lengths[row]))}
    others = [(place, int(targets[place.sequence, place.position]), donors[place]) for place in choice.others]
    here = Scene(choice.place, choice.target, itself)
    scenes = {"zero": [here, *(Scene(place, target, at) for place, target, at in others)]}
    if donors:
        here_from = [replace(here, donor=donor, there=there) for donor, there in donors.items()]
        there_from = [Scene(place, target, at, choice.place, itself) for place, target, at in others]
        scenes["resample"] = here_from + there_from
    return scenes


def _alike(keys: Int[Array, "run key"], most: int) -> Iterator[Int[Array, " some"]]:
    """Yield the numbers of the runs whose keys are equal, some at a time."""
    _, group = np.unique(keys, axis=0, return_inverse=True)
    for number in range(group.max() + 1):
        runs = np.nonzero(group.reshape(-1) == number)[0]
        yield from (runs[start : start + max(1, most)] for start in range(0, len(runs), max(1, most)))


def donors_of(subject: Subject, choice: Choice) -> list[Place]:
    """Return the choice's other places and the nearest ones of every alternative, each once."""
    every = (nearest_places(subject, choice.place, [token]) for token in choice.alternatives)
    return list(dict.fromkeys([*choice.others, *(place for places in every for place in places)]))
