"""What the right answer to a quantity is, measured on trained runs: never a key, always these very runs."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from headlab.analysis.choice import Choice, choice_at, each_choice
from headlab.analysis.looking.predictions import GRADES, TIE
from headlab.analysis.part import Word, head_name
from headlab.analysis.parts.coding import coding
from headlab.analysis.parts.contributions import contributions
from headlab.analysis.parts.mechanism import MIXED, PATTERN, VALUE, classify, told_apart
from headlab.analysis.subject import Subject
from headlab.analysis.trials.ablation import ablate
from headlab.analysis.trials.ways import KINDS
from headlab.arrays import Array, Bool, Int
from headlab.engine.activations import softmax
from headlab.errors import Problem, SelectionError
from headlab.homework.assignment.quantities import NUMBER, POSITION, QUANTITIES, Quantity
from headlab.model.matrices import W_OV
from headlab.notation.numbers import decimals
from headlab.study.answer import Answer, Group

if TYPE_CHECKING:
    from headlab.runs.runs import Runs

NOTHING = "nothing that can be measured"
CODED = {PATTERN: "pattern", VALUE: "value", MIXED: "both"}
_DECIMAL = re.compile(r"[+−-]?([0-9]+([.,][0-9]*)?|[.,][0-9]+)([eE][+-]?[0-9]{1,3})?")
_HEAD = re.compile(r"([0-9]{1,4})\.([0-9]{1,4})")

Right = str | int | float


@dataclass(frozen=True)
class Measured:
    """What is right: any of some values, several where they are tied; none where nothing can be measured.

    shown: the same as people read it; digits: after the point, of a number as it is shown
    """

    values: tuple[Right, ...]
    shown: str
    digits: int = 0

    def holds(self, said: Any, tolerance: float | None = None) -> bool:
        """Return whether an answer is right.

        tolerance: of a number, how far off it may be, besides the rounding of what is shown

        >>> Measured((0.14321,), "0.1432", 4).holds("0.1432"), Measured((0.14321,), "0.1432", 4).holds("0.15", 0.005)
        (True, False)
        """
        if not self.values or isinstance(said, bool):
            return False
        if not isinstance(self.values[0], float):
            return any(type(said) is type(value) and said == value for value in self.values)
        number = number_of(said)
        off = 0.5000001 * 10.0**-self.digits + (tolerance or 0.0)
        return number is not None and any(
            abs(number - value) <= off for value in self.values if isinstance(value, float)
        )


def number_of(said: Any) -> float | None:
    """Return an answer as a number, with a point or a comma; None for what is none.

    >>> number_of(" 0,143 "), number_of("1e400"), number_of("about 2"), number_of(3)
    (0.143, None, None, 3.0)
    """
    if isinstance(said, int | float) and not isinstance(said, bool):
        return float(said) if abs(said) < 1e300 else None
    text = said.strip() if isinstance(said, str) and len(said) <= 40 else ""
    if not _DECIMAL.fullmatch(text):
        return None
    found = float(text.replace(",", ".").replace("−", "-"))
    return found if math.isfinite(found) else None


def measure(quantity: Quantity, runs: "Runs") -> list[Measured]:
    """Return what is right of each of some runs of one setting, in their order; nothing where they have not what is asked about.

    >>> import headlab as hl
    >>> runs = hl.train(hl.Corpus.notebook(), seeds=[3, 4], record="none")
    >>> [found.shown for found in measure(Quantity.of({"name": "looks_most", "word": "the"}), runs)]
    ['“man”', '“man”']
    """
    try:
        values = _of_runs(quantity, runs)
    except SelectionError:  # a run that a student changed: no such word, head or place
        return [Measured((), NOTHING)] * len(runs)
    subject = runs.subject
    sound = subject.finite | (quantity.name in ("grade", "mechanism"))
    return [
        _measured(quantity, subject, some) if some and sound[run] else Measured((), NOTHING)
        for run, some in enumerate(values)
    ]


def problems_on(quantity: Quantity, subject: Subject) -> list[Problem]:
    """Return why a quantity cannot be measured on models, trained or not; nothing where it can."""
    if quantity.name not in _VALUES:
        return []
    try:
        _VALUES[quantity.name](quantity, subject)
    except SelectionError as error:
        return [Problem(problem.text, "quantity") for problem in error.problems]
    return []


def _of_runs(quantity: Quantity, runs: "Runs") -> list[list[Any]]:
    """Return the right values of each run."""
    match quantity.name:
        case "loss":
            return [[float(loss)] for loss in runs.final_loss]
        case "grade":
            return [[str(grade)] for grade in runs.grade()]
        case "mechanism":
            return [[str(name)] for name in runs.explain().mechanism]
    return _VALUES[quantity.name](quantity, runs.subject)


def measure_collected(quantity: Quantity, setting: str, groups: Sequence[Group]) -> Measured:
    """Return what is right of collected runs: a group for every value of the setting that has runs.

    >>> groups = [Group.of_counts(10, 60, 0, 100), Group.of_counts(20, 95, 0, 100)]
    >>> measure_collected(Quantity.of({"name": "difference", "value": 10, "base": 20}), "d_head", groups).shown
    'noticeably worse'
    """
    there = {group.value: group for group in groups if len(group.grade)}
    asked = [quantity.parameters[name] for name in ("value", "base") if name in quantity.parameters]
    if any(value not in there for value in asked):
        return Measured((), NOTHING)
    group = there[asked[0]]
    match quantity.name:
        case "share":
            found: Right = group.rate.share
        case "median_loss":
            found = float(np.median(group.finite_losses)) if len(group.finite_losses) else math.nan
        case _:
            against = Answer(setting, tuple(there.values())).against(asked[1])
            row = next(item for item in against if item.value == asked[0])
            found = getattr(row, quantity.parameters["measure"]).verdict
    return _measured(quantity, None, [found])


def reaches(grade: str, goal: str | None) -> bool:
    """Return whether a grade is a goal or better; no goal is always reached.

    >>> reaches("solved", "right by a hair"), reaches("not solved", "right by a hair"), reaches("not solved", None)
    (True, False, True)
    """
    return goal is None or (grade in GRADES and GRADES.index(grade) <= GRADES.index(goal))


def shown(quantity: Quantity, value: Any, words: Sequence[str] = ()) -> str:
    """Return an answer as people read it; words: those of the sentence.

    >>> shown(Quantity.of({"name": "looks_most", "word": "the"}), 3, ["<Start>", "the", "cat", "the"])
    '“the” (2nd)'
    """
    match quantity.answer:
        case "number":
            return decimals(float(value), quantity.digits)
        case "position":
            return str(Word.of(words, value)) if 0 <= value < len(words) else str(value)
        case "token":
            return str(Word(value))
        case "head":
            found = _HEAD.fullmatch(str(value))
            return head_name(int(found[1]), int(found[2])) if found else str(value)
    return str(QUANTITIES[quantity.name]["options"].get(value, value))


def _measured(quantity: Quantity, subject: Subject | None, values: Sequence[Any]) -> Measured:
    if quantity.answer == NUMBER and not math.isfinite(values[0]):
        return Measured((), NOTHING)
    words: Sequence[str] = ()
    if subject is not None and quantity.answer == POSITION:
        words = subject.corpus.sentences[quantity.place(subject.corpus)[0]]
    told = " or ".join(shown(quantity, value, words) for value in values)
    return Measured(tuple(values), told, quantity.digits)


def _predicted(quantity: Quantity, subject: Subject) -> list[list[Any]]:
    logits, tokens = _logits(quantity, subject), subject.corpus.vocabulary
    return [[tokens[token] for token in np.flatnonzero(row)] for row in _highest(logits)]


def _probability(quantity: Quantity, subject: Subject) -> list[list[Any]]:
    place, of = quantity.place(subject.corpus), quantity.parameters["of"]
    token = int(subject.corpus.targets[place]) if of is None else subject.corpus.vocabulary.index(of)
    if token < 0:
        raise SelectionError("the word must have a target, or of must say which word's probability is asked for")
    with np.errstate(invalid="ignore"):
        return [[float(row[token])] for row in softmax(_logits(quantity, subject))]


def _weight(quantity: Quantity, subject: Subject) -> list[list[Any]]:
    _, on = quantity.place(subject.corpus, "on")
    return [[float(row[on])] for row in _row(quantity, subject)]


def _looks_most(quantity: Quantity, subject: Subject) -> list[list[Any]]:
    return [np.flatnonzero(row).tolist() for row in _highest(_row(quantity, subject))]


def _gives_most(quantity: Quantity, subject: Subject) -> list[list[Any]]:
    found: list[list[Any]] = [[] for _ in range(subject.n_runs)]
    for some, these, choice in _choices(quantity, subject):
        parts = contributions(these, choice.place, choice.target, choice.rivals).by_last_head
        most = _highest(np.stack(list(parts.values()), axis=1))
        names = [f"{layer}.{head}" for layer, head in parts]
        for run, row in zip(some.tolist(), most, strict=True):
            found[run] = [names[number] for number in np.flatnonzero(row)]
    return found


def _copies_most(quantity: Quantity, subject: Subject) -> list[list[Any]]:
    layer = _layer(quantity, subject)
    OV, embeds = W_OV(subject.params)[:, layer], subject.params.W_E[:, None]
    with np.errstate(over="ignore", invalid="ignore"):
        writes = embeds @ OV if subject.params.W_U is None else embeds @ OV @ subject.params.W_U[:, None]
        n = writes.shape[-1]
        own = np.trace(writes, axis1=-2, axis2=-1)
        raises = own / n - (writes.sum(axis=(-1, -2)) - own) / max(1, n * (n - 1))
    return [[f"{layer}.{head}" for head in np.flatnonzero(row)] for row in _highest(raises)]


def _coding(quantity: Quantity, subject: Subject) -> list[list[Any]]:
    place = quantity.place(subject.corpus)
    if place not in [(item.sequence, item.position) for item in subject.dependencies]:
        word = Word.of(subject.corpus.sentences[place[0]], place[1])
        raise SelectionError(
            f"coding must be asked of a word after which another one decides what comes, and {word} is none"
        )
    found: list[list[Any]] = [[] for _ in range(subject.n_runs)]
    for some, these, choice in _choices(quantity, subject):
        no = np.zeros(these.n_runs, bool)
        with np.errstate(over="ignore", invalid="ignore"):
            names = classify(told_apart(these, choice), no, no, coding(these, choice))
        for run, name in zip(some.tolist(), names.tolist(), strict=True):
            found[run] = [CODED.get(name, "neither")]
    return found


def _flips(quantity: Quantity, subject: Subject) -> list[list[Any]]:
    found: list[list[Any]] = [[] for _ in range(subject.n_runs)]
    kind = KINDS.index(quantity.parameters["ablation"])
    for some, these, choice in _choices(quantity, subject):
        effects = ablate(these, choice, [quantity.parameters["part"]])
        if not (effects.cells == kind).any():
            part = quantity.parameters["part"]
            raise SelectionError(
                f"ablation must be one that is possible of {part}, got {quantity.parameters['ablation']}"
            )
        for run, flips in zip(some.tolist(), effects.flips[:, 0, kind].tolist(), strict=True):
            found[run] = ["yes" if flips else "no"]
    return found


_VALUES = {
    "predicted": _predicted,
    "probability": _probability,
    "weight": _weight,
    "looks_most": _looks_most,
    "gives_most": _gives_most,
    "copies_most": _copies_most,
    "coding": _coding,
    "flips": _flips,
}


def _logits(quantity: Quantity, subject: Subject) -> Array:
    """Return [run, d_vocab] at the place that is asked about."""
    sequence, position = quantity.place(subject.corpus)
    return np.asarray(subject.clean.logits[:, sequence, position])


def _row(quantity: Quantity, subject: Subject) -> Array:
    """Return [run, key]: the attention weights from the place that is asked about, on the positions of its sentence."""
    sequence, position = quantity.place(subject.corpus)
    layer, head = _layer(quantity, subject), quantity.parameters["head"]
    if head >= subject.model.n_heads:
        raise SelectionError(f"head must be from 0 to {subject.model.n_heads - 1}, got {head}")
    length = len(subject.corpus.sentences[sequence])
    return np.asarray(subject.clean.pattern[:, layer, head, sequence, position, :length])


def _layer(quantity: Quantity, subject: Subject) -> int:
    """Return the layer that is asked about, the last one where none is named; raises `SelectionError` for none there."""
    layer, last = quantity.parameters["layer"], subject.model.n_layers - 1
    if layer is not None and layer > last:
        raise SelectionError(f"layer must be from 0 to {last}, got {layer}")
    return last if layer is None else int(layer)


def _highest(table: Array) -> Bool[Array, "run column"]:
    """Return which columns share the first place in each row; none where a number is none."""
    with np.errstate(invalid="ignore"):
        return np.asarray(table >= table.max(axis=1, keepdims=True) - TIE)


def _choices(quantity: Quantity, subject: Subject) -> Iterator[tuple[Int[Array, " some"], Subject, Choice]]:
    """Yield every choice that is made at the place, with the numbers of the runs that make it, and these runs."""
    sequence, position = quantity.place(subject.corpus)
    here = [item for item in subject.dependencies if (item.sequence, item.position) == (sequence, position)]
    if here:
        for some, choice in each_choice(subject, here[0]).groups():
            yield some, subject.some(some), choice
        return
    for run in range(subject.n_runs):
        alone = subject[run : run + 1]
        yield np.array([run]), alone, choice_at(alone, sequence, position)
