"""A sentence is a list of clauses: what is said, as data, and its text, made last from the table `analysis/words.json`."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from headlab.analysis.part import Part, Word, head_name
from headlab.analysis.words import LIMITS, PHRASES, TABLE
from headlab.model.paths import mlp_name
from headlab.notation.numbers import percent, with_sign

if TYPE_CHECKING:
    from headlab.analysis.parts.eye import Told

MAX_WORDS = LIMITS["words"]
LOGITS = int(TABLE["rounding"]["logits"]["decimals"])
MOST_NAMED = LIMITS["named"]  # words in one list
BOUNDARY = int(TABLE["rounding"]["boundary"]["decimals"])  # decimals to which a number is taken before it is rounded
EVERYTHING = "everything"  # of a feature: whichever it is


@dataclass(frozen=True)
class Named:
    """A part of the model as a sentence names it; word: of a source, what stands there."""

    part: Part
    word: Word | None = None

    def __str__(self) -> str:
        if self.word is not None:
            return str(self.word)
        if self.part.kind == "mlp" and self.part.layer is not None:
            return mlp_name(self.part.layer)
        return TABLE["parts"].get(self.part.kind) or head_name(self.part.layer, self.part.head)


@dataclass(frozen=True)
class Outcome:
    """What is predicted, and by which ablations."""

    tokens: tuple[Word, ...]
    ablations: tuple[str, ...]


@dataclass(frozen=True)
class Clause:
    """One thing that is said: a kind, which the table has with its text and its measure, and what it is said of.

    arguments: numbers as they were measured, not rounded; words; parts; None leaves a part in [] out

    >>> str(Clause("wrong", {"token": Word("the"), "predicted": Word("beef"), "share": 0.6}))
    'it is wrong: after “the” it predicts “beef” (60 %)'
    """

    kind: str
    arguments: Mapping[str, Any]

    def __str__(self) -> str:
        text, given = "", self.arguments
        for literal, wanted, optional in _form(self.kind).pieces:
            if not optional or all(given[name] is not None for name, _ in wanted):
                text += literal % tuple([show(given[name]) for name, show in wanted])
        return text

    @property
    def joint(self) -> str:
        """What stands between it and the clause before it."""
        return _form(self.kind).joint

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, with its text."""
        return {"kind": self.kind, "arguments": {k: _plain(v) for k, v in self.arguments.items()}, "text": str(self)}


def sentence_of(clauses: Iterable[Clause]) -> str:
    """Return clauses as one sentence of at most 40 words: the last ones are left out where there would be more.

    >>> sentence_of([Clause("diverged", {})])
    'The run diverged: its weights are no finite numbers, and there is nothing to explain.'
    """
    return _first(clauses)[1]


def more_of(clauses: Sequence[Clause]) -> str:
    """Return the clauses that one sentence of 40 words leaves out, as another sentence; nothing where it has them all."""
    return _whole([(clause.joint, str(clause)) for clause in clauses[_first(clauses)[0] :]])


def _first(clauses: Iterable[Clause]) -> tuple[int, str]:
    """Return how many of the clauses make a sentence of at most 40 words, at least one, and the sentence."""
    fit, words = 1, 0
    told: list[tuple[str, str]] = []
    for number, clause in enumerate(clauses, 1):
        form, text = _form(clause.kind), str(clause)
        told.append((form.joint, text))
        words += len(text.split()) + (form.words if number > 1 else 0)
        if number > 1 and words > MAX_WORDS:
            break
        if not form.goes_on:
            fit = number
    return fit, _whole(told[:fit])


def _whole(told: Sequence[tuple[str, str]]) -> str:
    text = "".join([(joint if number else "") + clause for number, (joint, clause) in enumerate(told)])
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def rest_of(total: float, parts: Sequence[float]) -> float | None:
    """Return what is left of a total, so that the digits that are shown add up; None where they do without it.

    >>> rest_of(3.456, [4.171]), rest_of(8.001, [7.999])
    (-0.71, None)
    """
    rest = round(_round(total, LOGITS) - sum([_round(part, LOGITS) for part in parts]), LOGITS)
    return None if rest == 0 else rest


def listed(words: Sequence[Any], last: str = PHRASES["and"]) -> str:
    """Return words as a list, of many the first ones and how many others there are.

    >>> listed("abc"), listed("ab", "or"), listed("abcdefg")
    ('a, b and c', 'a or b', 'a, b, c and 4 others')
    """
    shown = [str(word) for word in words]
    if len(shown) == 1:
        return shown[0]
    if len(shown) > MOST_NAMED:
        shown = [*shown[: MOST_NAMED - 1], PHRASES["others"].format(number=len(shown) - MOST_NAMED + 1)]
    return f" {last} ".join([", ".join(shown[:-1]), shown[-1]] if shown else [])


def _round(value: float, decimals: int) -> float:
    # What lies on a boundary to 1e-9 is rounded alike, whichever side of it the last bits are.
    return round(round(float(value), BOUNDARY), decimals)


def _logits(value: float) -> str:
    return with_sign(round(float(value), BOUNDARY), LOGITS)


def _lead(value: float) -> str:
    rule = TABLE["rounding"]["lead"]
    decimals = rule["decimals"]
    return f"{_round(value, decimals):.{decimals}f}{rule['unit']}" if _round(value, decimals) else str(rule["below"])


def _who(heads: Mapping[str, Any]) -> str:
    """Return who looks: of several heads of the last layer, how many."""
    some, every, last = heads["heads"], heads["of"], heads["last_layer"]
    if every == 1:
        return PHRASES["layer_looks" if last else "it_looks"]
    look = "head_looks" if some == 1 else "heads_look"
    return PHRASES[f"last_{look}" if last else look].format(heads=some, of=every)


def _given(parts: Sequence[tuple[Named, float]]) -> str:
    """Return what each part gives, of many parts what they give together."""
    if len(parts) < MOST_NAMED:
        told = enumerate(parts)
        give = PHRASES["gives"], PHRASES["and_gives"]
        return listed([give[n > 0].format(part=part, logits=_logits(value)) for n, (part, value) in told])
    together = sum(_round(value, LOGITS) for _, value in parts)
    return PHRASES["together"].format(parts=listed([part for part, _ in parts]), logits=_logits(together))


def _outcomes(outcomes: Sequence[Outcome]) -> str:
    return ", ".join([_by(_either(item.tokens), item.ablations) for item in outcomes])


def _heads(heads: Sequence[tuple[Named, Sequence[str]]]) -> str:
    return ", ".join([_by(head, ablations) for head, ablations in heads])


def _by(what: object, ablations: Sequence[str]) -> str:
    return PHRASES["by"].format(what=what, ablations=", ".join(ablations))


def _either(words: Sequence[Any]) -> str:
    return listed(words, PHRASES["or"])


def _drawn(told: "Sequence[Told]") -> str:
    """Return what draws the eye of what; where no key does, what turns it."""
    return listed([_draws(item) for item in told])


def _draws(told: "Told") -> str:
    queries = [query.name for query in told.queries]
    keys = [key.name for key in told.keys if key is not None]
    if not keys:
        return PHRASES["turns" if len(queries) == 1 else "turn"].format(queries=listed(queries))
    draw = "draws" if len(keys) == 1 else "draw"
    whose = "" if any(query.kind == EVERYTHING for query in told.queries) else "_of"
    return PHRASES[draw + whose].format(keys=listed(keys), queries=listed(queries))


def _sets(sets: Mapping[str, int]) -> str:
    """Return how many minimal sets there are, by ablation."""
    told: list[str] = []
    for ablation, count in sets.items():
        form = "and_sets" if told else "set" if count == 1 else "sets"
        told.append(PHRASES[form].format(count=f"{count:,}", by=f"({ablation})"))
    return ", ".join(told)


# What a type of argument looks like as text.
SHOWN: dict[str, Callable[[Any], str]] = {
    "word": str,
    "part": str,
    "words": listed,
    "either": _either,
    "share": lambda value: percent(round(float(value), BOUNDARY)),
    "logits": _logits,
    "lead": _lead,
    "loss": lambda value: f"{value:.{TABLE['rounding']['loss']['decimals']}f}",
    "who": _who,
    "given": _given,
    "outcomes": _outcomes,
    "heads": _heads,
    "drawn": _drawn,
    "where": lambda word: PHRASES["elsewhere"] if word is None else PHRASES["where"].format(word=word),
    "sets": _sets,
    "count": "{:,}".format,
}
_ARGUMENT = re.compile(r"\{(\w+):(\w+)\}")
_OPTIONAL = re.compile(r"\[([^\]]*)\]")


@dataclass(frozen=True)
class _Form:
    """How a kind of clause is said.

    pieces: what is said, with which arguments, and whether it is left out where one of them is None
    joint: what stands between it and the clause before it; words: how many of these are words
    goes_on: it says nothing without the clause after it
    """

    pieces: list[tuple[str, list[tuple[str, Callable[[Any], str]]], bool]]
    joint: str
    words: int
    goes_on: bool


@cache
def _form(kind: str) -> _Form:
    row = TABLE["clauses"][kind]
    joint = str(row.get("joint", "; "))
    pieces = [
        (
            _ARGUMENT.sub("%s", piece.replace("%", "%%")),
            [(name, SHOWN[form]) for name, form in _ARGUMENT.findall(piece)],
            bool(number % 2),
        )
        for number, piece in enumerate(_OPTIONAL.split(row["text"]))
        if piece
    ]
    return _Form(pieces, joint, len(joint.strip(",;: ").split()), bool(row.get("goes_on", False)))


def _plain(value: Any) -> Any:
    if isinstance(value, Word | Named):
        return {**asdict(value), "text": str(value)}
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return dict(value) if isinstance(value, Mapping) else value
