"""An assignment in words: what settles each question, and what may be changed."""

from typing import TYPE_CHECKING

from headlab.homework.assignment.lab import FORK, TEXT
from headlab.homework.assignment.question import FIND, NUMBER, PICTURE, RUNS, SENTENCE, Question
from headlab.notation.numbers import quantity
from headlab.notation.values import enumeration
from headlab.runs.experiment import FIELDS, notebook_fields

if TYPE_CHECKING:
    from headlab.homework.assignment.assignment import Assignment

MOST_NAMED = 40


def settled_by(question: Question, assignment: "Assignment") -> str:
    """Return what settles a question, in words.

    >>> from headlab.homework.assignment.assignment import Assignment
    >>> from headlab.homework.assignment.template import TEMPLATE
    >>> found = Assignment.read(TEMPLATE)
    >>> settled_by(found.question("looks1"), found)
    'where “the” looks most in sentence 1, of the run of “good”'
    """
    of = "" if question.run is None else f", of the run of “{question.run}”"
    if question.quantity is not None:
        collect = None if question.source is None else assignment.question(question.source).runs
        label = question.quantity.label("" if collect is None else collect.setting)
        off = f", to {question.tolerance:g}" if question.kind == NUMBER and question.tolerance else ""
        return f"{label}{off}{of or (f', of the runs of “{question.source}”' if question.source else '')}"
    match question.kind:
        case "runs" if question.runs is not None:
            values = enumeration([str(value) for value in question.runs.values], MOST_NAMED)
            return f"{quantity(question.runs.each, 'seed')} or more of each {question.runs.setting}: {values}"
        case "find" if question.find is not None:
            find = question.find
            return f"the {find.best} {find.setting} of a run that is {find.goal}; {find.par:g} has all points"
        case "picture":
            needs = "a run" if question.needs is None else f"a run that is {question.needs}"
            return f"{needs}{of}, with its tables"
    about = of or (f", of the runs of “{question.source}”" if question.source else "")
    return f"yours to read: {question.least} to {question.most} characters{about}"


def rules_of(assignment: "Assignment") -> list[str]:
    """Return what an assignment's lab begins with and what may be changed, a sentence each.

    >>> from headlab.homework.assignment.assignment import Assignment
    >>> from headlab.homework.assignment.template import TEMPLATE
    >>> rules_of(Assignment.read(TEMPLATE))[1]
    'Can be changed: seed (those of the variant) and d_head (1 to 64).'
    """
    lab, usual = assignment.lab, notebook_fields()
    own = [f"{name} {value}" for name, value in lab.start.items() if name not in TEXT and value != usual[name]]
    text = ["sentences of its own"] if lab.start["task"] == "" else []
    begins = enumeration([*text, *own], MOST_NAMED) if text or own else "the notebook's settings"
    free = [name for name in FIELDS if name not in lab.locked]
    told = []
    for name in free:
        bounds = lab.ranges.get(name)
        seeds = name == "seed" and assignment.variants is not None and assignment.variants.first is not None
        range_ = "" if bounds is None else f" ({bounds[0]} to {bounds[1]})"
        told.append(f"{name}{' (those of the variant)' if seeds else range_}")
    everything = len(free) == len(FIELDS) - len(FORK) and not lab.ranges
    changed = "everything" if everything else enumeration(told, MOST_NAMED) if told else "nothing"
    hidden = [f"Not shown: {enumeration(list(lab.hide), MOST_NAMED)}."] if lab.hide else []
    return [f"The lab begins with {begins}.", f"Can be changed: {changed}.", *hidden]


KINDS = {
    "choose": "choose",
    NUMBER: "a number",
    "claim": "a claim",
    RUNS: "runs",
    FIND: "find",
    SENTENCE: "a sentence",
    PICTURE: "a picture",
}
