"""The texts of clauses, written once more by hand: numbers must be the rounded arguments, and shown digits must add up."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

Arguments = Mapping[str, Any]
MOST_WORDS, MOST_NAMED = 40, 4


def ordinal(text: str, nth: int | None) -> str:
    """A word in quotes, with its number."""
    if nth is None:
        return f"“{text}”"
    teen, last = nth % 100 in (11, 12, 13), nth % 10
    return f"“{text}” ({nth}{'th' if teen or last not in (1, 2, 3) else ('st', 'nd', 'rd')[last - 1]})"


def word(w: Any) -> str:
    return ordinal(w.word, w.nth)


def part(named: Any) -> str:
    if named.word is not None:
        return word(named.word)
    names = {"direct:token": "the direct path", "direct:position": "its own position"}
    return names.get(named.part.kind) or f"head {named.part.layer}.{named.part.head}"


def listed(texts: Sequence[str], last: str = "and") -> str:
    texts = list(texts)
    if len(texts) > MOST_NAMED:
        texts = [*texts[: MOST_NAMED - 1], f"{len(texts) - MOST_NAMED + 1} others"]
    return texts[0] if len(texts) == 1 else ", ".join(texts[:-1]) + f" {last} {texts[-1]}"


def words(some: Sequence[Any], last: str = "and") -> str:
    return listed([word(w) for w in some], last)


def share(value: float) -> str:
    whole = round(100 * round(value, 9))
    return f"{'−' if whole < 0 else ''}{abs(whole)} %"


def logits(value: float) -> str:
    shown = round(round(value, 9), 2)
    return ("−" if shown < 0 else "+") + f"{abs(shown):.2f}"


def lead(value: float) -> str:
    return f"{value:.3f} logits" if round(value, 3) else "less than a thousandth of a logit"


def looking(a: Arguments) -> str:
    k, n, last = a["heads"], a["of"], a["last_layer"]
    if n == 1:
        return "the last layer looks" if last else "it looks"
    return f"{k} of {n} {'last-layer ' if last else ''}heads look{'s' if k == 1 else ''}"


def given(parts: Sequence[tuple[Any, float]]) -> str:
    if len(parts) >= MOST_NAMED:
        together = sum(Decimal(f"{round(value, 9):.2f}") for _, value in parts)
        return f"{listed([part(named) for named, _ in parts])} together give {logits(float(together))}"
    return listed([f"{part(named)} {'' if at else 'gives '}{logits(value)}" for at, (named, value) in enumerate(parts)])


def rest(a: Arguments) -> str:
    return "" if a["rest"] is None else f", the rest {logits(a['rest'])}, together {logits(a['total'])}"


def outcomes(some: Sequence[Any]) -> str:
    return ", ".join(f"{listed([word(w) for w in item.tokens], 'or')} ({', '.join(item.ablations)})" for item in some)


def spot(s: Any) -> str:
    """A feature of a query or key."""
    own = ordinal(s.word, int(label[1]) if (label := re.search(r"\((\d+)[a-z]+\)$", s.label)) else None)
    if s.kind == "head":
        read = " and ".join(s.read_labels)
        return f"what head {s.head[0]}.{s.head[1]} {f'read from {read}' if read else 'wrote'} at {own}"
    return f"position {s.position}" if s.kind == "position" else own


def draws(told: Sequence[Any]) -> str:
    texts = []
    for item in told:
        queries, keys = [spot(s) for s in item.queries], [spot(s) for s in item.keys if s is not None]
        if not keys:
            texts.append(f"{listed(queries)} turn{'s' if len(queries) == 1 else ''} the eye")
            continue
        whose = "" if any(s.kind == "everything" for s in item.queries) else f" of {listed(queries)}"
        texts.append(f"{listed(keys)} draw{'s' if len(keys) == 1 else ''} the eye{whose}")
    return listed(texts)


def otherwise(a: Arguments) -> str:
    return "" if a["predicts"] is None else f" (else {listed([word(w) for w in a['predicts']], 'or')})"


def counted(a: Arguments) -> str:
    (kind, count), *others = a["sets"].items()
    first = f"there {'are'} {count:,} set{'' if count == 1 else 's'} of parts that suffice ({kind})"
    more = "" if a["tried"] is None else f", of the {a['tried']:,} largest of {a['parts']:,} parts"
    return ", ".join([first, *(f"{number:,} ({other})" for other, number in others)]) + more


def own_position(a: Arguments) -> str:
    return "" if a["direct"] is None else f", position {share(a['direct'])}"


TEXTS: dict[str, Callable[[Arguments], str]] = {
    "diverged": lambda a: "the run diverged: its weights are no finite numbers, and there is nothing to explain",
    "alike": lambda a: "it does not tell the sentences apart",
    "bigram": lambda a: (
        f"it does not tell the sentences apart: after {word(a['token'])} it gives {word(a['target'])} {share(a['share'])} here"
    ),
    "elsewhere": lambda a: f"{share(a['share'])} where {words(a['right'], 'or')} is right",
    "floor": lambda a: f"(loss {a['loss']:.3f}, bigram floor {a['floor']:.3f})",
    "predicts": lambda a: f"it predicts {words(a['predicted'])} ({share(a['share'])})",
    "undecided": lambda a: (
        f"it is undecided: after {word(a['token'])} {words(a['tied'])} are tied ({share(a['share'])} each)"
    ),
    "not_target": lambda a: f"not {word(a['target'])} ({share(a['share'])})",
    "wrong": lambda a: (
        f"it is wrong: after {word(a['token'])} it predicts {word(a['predicted'])} ({share(a['share'])})"
    ),
    "hair": lambda a: (
        f"it is right by a hair: after {word(a['token'])} it gives {word(a['target'])} {share(a['share'])}, "
        f"ahead of {words(a['over'])} by {lead(a['lead'])}"
    ),
    "little": lambda a: "there is little to explain",
    "both_ways": lambda a: (
        f"it prefers {word(a['target'])} to {words(a['rivals'])} here ({logits(a['here'])}) and also where "
        f"{words(a['right'], 'or')} is right ({logits(a['there'])})"
    ),
    "tied_there": lambda a: (
        f"it prefers {word(a['target'])} to {words(a['rivals'])} here ({logits(a['here'])}), and where "
        f"{words(a['right'], 'or')} is right the two are tied"
    ),
    "looks": lambda a: f"from {word(a['token'])} {looking(a['who'])} most at {part(a['source'])} ({share(a['share'])})",
    "looks_equally": lambda a: (
        f"from {word(a['token'])} {looking(a['who'])} equally at {words(a['sources'])} ({share(a['share'])} each)"
    ),
    "adds": lambda a: f"which gives {logits(a['contribution'])}",
    "gives_it": lambda a: (
        f"which gives {logits(a['contribution'])} for {word(a['target'])} over {words(a['rivals'])}{rest(a)}"
    ),
    "gives": lambda a: f"{given(a['parts'])} for {word(a['target'])} over {words(a['rivals'])}{rest(a)}",
    "nearer": lambda a: f"with {words(a['tokens'])} nearer ({logits(a['lead'])})",
    "without": lambda a: f"without {part(a['part'])} it predicts {outcomes(a['outcomes'])}",
    "flips_nothing": lambda a: f"without {part(a['part'])} it predicts the same",
    "changes_nothing": lambda a: f"without {part(a['part'])} nothing changes",
    "value_coded": lambda a: f"value-coded ({share(a['value'])})",
    "pattern_coded": lambda a: f"pattern-coded ({share(a['pattern'])})",
    "position_coded": lambda a: f"its own position tells ({share(a['direct'])})",
    "mixed": lambda a: f"mixed coding (pattern {share(a['pattern'])}, value {share(a['value'])}{own_position(a)})",
    "opposed": lambda a: (
        f"its parts oppose each other (pattern {share(a['pattern'])}, value {share(a['value'])}{own_position(a)})"
    ),
    "sets": lambda a: counted(a),
    "draws_here": lambda a: draws(a["told"]) + otherwise(a),
    "draws_there": lambda a: (
        (f"where {word(a['right'])} is right " if a["right"] else "elsewhere ") + draws(a["told"]) + otherwise(a)
    ),
    "hair_elsewhere": lambda a: f"{share(a['share'])} where {words(a['right'], 'or')} is right",
    "not_compared": lambda a: "its coding cannot be compared",
    "needed": lambda a: "needed: " + ", ".join(f"{part(named)} ({', '.join(kinds)})" for named, kinds in a["heads"]),
    "no_head_needed": lambda a: "no single head is needed",
}
JOINTS = {
    "alike": ": ",
    "elsewhere": " and ",
    "hair_elsewhere": ", with ",
    "draws_here": ": ",
    "draws_there": ": ",
    "floor": " ",
    "not_target": ", ",
    "little": ": ",
    "adds": ", ",
    "gives_it": ", ",
    "nearer": ", ",
}
# Clauses that say nothing without the next one.
UNFINISHED = {"adds"}
NUMBER = r"([+−]\d+\.\d\d)"


def problems_of_text(text: str, clauses: Sequence[Any]) -> Iterator[str]:
    """What is wrong with the text of some clauses: it must be these clauses, from the first on, in at most 40 words."""
    made, fits = "", []
    if any(clause.kind not in TEXTS for clause in clauses):
        yield "a clause of an unknown kind"
        return
    for clause in clauses:
        made += (JOINTS.get(clause.kind, "; ") if made else "") + TEXTS[clause.kind](clause.arguments)
        if clause.kind not in UNFINISHED and (not fits or len(made.split()) <= MOST_WORDS):
            fits.append(f"{made[:1].upper()}{made[1:]}.")
    if text != fits[-1]:
        yield f"it should be {fits[-1]!r}"
    yield from sums(text)


def sums(text: str) -> Iterator[str]:
    """That digits add up wherever a rest is told."""
    value = {
        at: Decimal(shown.replace("−", "-")) for at, shown in ((m.start(), m[1]) for m in re.finditer(NUMBER, text))
    }
    for told in re.finditer(rf", the rest {NUMBER}, together {NUMBER}", text):
        left, total = (Decimal(told[n].replace("−", "-")) for n in (1, 2))
        clause = max(text.rfind("; ", 0, told.start()), text.rfind("which gives", 0, told.start()))
        parts = [number for at, number in value.items() if clause <= at < told.start()]
        if sum(parts) + left != total:
            yield f"{parts} and {left} are not {total}"
