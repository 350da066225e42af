"""Every sentence that grading says of a file, a run or an answer."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from headlab.notation.numbers import decimals, duration, is_or_are, quantity, size_of
from headlab.notation.values import enumeration, listing, short_repr
from headlab.notation.visible import escape_unseen

if TYPE_CHECKING:
    from headlab.homework.assignment.assignment import Assignment
    from headlab.homework.grading.answer_file import AnswerFile
    from headlab.homework.grading.roster import Filled

UNASKED = "no question of this assignment"
NO_ANSWER = "there is no answer"
READ = "it is yours to read"
ID_ALONE = "who did it: the variant fits the id, and the runs are real; who pressed the keys cannot be known"
ID_WITHOUT_VARIANTS = "who did it: all students have the same experiment, so the same runs fit any id"


def wrong_assignment(file: "AnswerFile", assignment: "Assignment") -> str:
    """Say that a file answers another assignment, or another state of this one."""
    if file.name == assignment.name:
        got = f"{file.name} as it was at another time"
        return (
            f"the file must answer {assignment.name} as it is here, got {got}: grade it with the TOML file of its page"
        )
    return f"the file must answer {assignment.name}, got answers to {short_repr(file.name)}: hand in the right file"


def wrong_numerics(got: int, wanted: int) -> str:
    """Say that a file's runs are those of another numerics."""
    return (
        f"numerics must be {wanted}, as in the assignment, got {got}: open the assignment's own page, and hand in again"
    )


def wrong_variant(student: str, got: int | None, wanted: int | None) -> str:
    """Say that a file has the variant of another id."""
    if wanted is None:
        return f"the assignment has no variants, got variant {got}: hand in from the assignment's own page"
    said = "none" if got is None else f"{got}, somebody else's"
    return f"the variant of {student} must be {wanted}, got {said}: hand in from a page that was opened with this id"


def too_costly(taken: float, most: float) -> str:
    """Say that a file's runs take too long to be trained again."""
    limit = f"runs must take at most {duration(most)} of a core to train again"
    return f"{limit}, got {duration(taken)}: none was trained; take smaller models or fewer steps"


def too_large(size: int, most: int) -> str:
    """Say that a run takes too much memory."""
    return f"a run must fit in {size_of(most)}, got one of {size_of(size)}: none was trained; take a smaller model"


def broken_rule(number: int, address: str, problem: object) -> str:
    """Say that a run is none of the assignment's."""
    return f"{run_name(number, address)} does not count: {problem}"


def other_hash(number: int, address: str, whose: str) -> str:
    """Say that a run, trained again, has other weights than the file says; whose: the address of the run that has those."""
    of = f"the hash is that of {whose}" if whose else "no such run was found"
    return f"{run_name(number, address)} does not count: trained again, it has another hash than the file says; {of}"


def told(problems: Sequence[str], most: int) -> tuple[str, ...]:
    """Return problems as they are told: the first ones, and how many others there are.

    >>> told(["a", "b", "c"], 2), told(["a"], 2)
    (('a', 'b', '1 more is wrong in the same file'), ('a',))
    """
    left = len(problems) - most
    more = [f"{left} more {is_or_are(left)} wrong in the same file"] if left > 0 else []
    return (*problems[:most], *more)


def run_name(number: int, address: str) -> str:
    """Return what a run of a file is called, by its number from 1."""
    return f"run {number + 1} ({shortened(address) or 'as the assignment begins'})"


def no_run(name: str) -> str:
    """Say that an answer is about no run."""
    return f"the answer to {name} names no run"


def other_run(question: str) -> str:
    """Say that an answer is about another run than it has to be."""
    return f"it must be about the run of {question}, and is about another one"


def uncounted(number: int, address: str) -> str:
    """Say that an answer's run does not count."""
    return f"{run_name(number, address)} does not count"


def measured(shown: str, *, several: bool) -> str:
    """Say what a run gives, or several do."""
    return f"the {'runs give' if several else 'run gives'} {shown}"


def unmeasurable(shown: str, *, several: bool) -> str:
    """Say that there is nothing to judge an answer by."""
    return f"the {'runs have' if several else 'run has'} {shown} here"


def wrong_kind(wanted: str, got: Any) -> str:
    """Say that an answer is of another kind than its question asks for."""
    return f"the answer must be {wanted}, got {short_repr(got)}"


def collected(setting: str, counts: Sequence[tuple[Any, int]], each: int) -> str:
    """Say how many runs count at each value that was asked for."""
    return f"{', '.join(f'{number} at {setting} {value}' for value, number in counts)}; {each} each are asked for"


def apart(number: int, setting: str) -> str:
    """Say that runs differ in more than the setting that is compared."""
    left = "differs in more than it may, and is" if number == 1 else "differ in more than they may, and are"
    return f"{quantity(number, 'run')} {left} left out: only {setting} and the seed may be other ones"


def found(setting: str, value: Any, grade: str, goal: str) -> str:
    """Say what a run that was looked for does."""
    return f"at {setting} {value} the run is {grade}" + ("" if grade == goal else f"; {goal} is asked for")


def no_value(setting: str) -> str:
    """Say that a run has no value of the setting that was looked for, as where what is usual is meant."""
    return f"the run must be trained with a {setting} that is given, got one without"


def par(setting: str, best: str, value: float) -> str:
    """Say what would have been good enough."""
    return f"all points for {setting} {value:g} or {'lower' if best == 'lowest' else 'higher'}"


def sentence_length(length: int, least: int, most: int) -> str:
    """Say that a sentence is shorter or longer than asked for."""
    return f"it has {quantity(length, 'character')}; {least} to {most} are asked for"


def about_run(address: str, grade: str, loss: float) -> str:
    """Say how a run ended."""
    return f"{shortened(address) or 'the run that the assignment begins with'}: {grade}, loss {decimals(loss, 4)}."


def about_collected(setting: str, value: Any, solved: int, losses: Sequence[float]) -> str:
    """Say how runs at one value ended."""
    told = ", ".join(decimals(loss, 3) for loss in losses)
    return f"{setting} {value}: {solved} of {quantity(len(losses), 'run')} solved; losses {told}."


def sentences_alike(students: Sequence[str], questions: Sequence[str], same_runs: bool) -> str:
    """Say that several files have one sentence for each of some questions; students: the others."""
    runs = "and the same runs" if same_runs else "with other runs"
    what = "sentence" if len(questions) == 1 else "sentences"
    return (
        f"The same {what} for {enumeration(questions, 9)}, {runs}: {listing(students, most=5)}. Read them side by side."
    )


def unchecked_view(question: str, view: str) -> str:
    """Say that a view cannot be checked."""
    return f"{question}: which view was looked at ({short_repr(shortened(view))}) is what the page says"


def unchecked_sentence(question: str) -> str:
    """Say that a sentence is judged by nobody here."""
    return f"{question}: a sentence of the student's own, for you to read beside what was measured"


def different_files(student: str, places: Sequence[str]) -> str:
    """Say that there are different files of one id, so that none is graded."""
    return f"one file must be handed in for {student}, got different ones ({listing(places, most=5)}): leave the right one there"


def several(students: Sequence[str]) -> str:
    """Say that one student's submission holds the files of several."""
    return f"the submission must be one answer file, got those of {listing(students, most=5)}: hand in one"


def same_files(places: Sequence[str]) -> str:
    """Say that a file was handed in more than once."""
    return f"The same answers are in {listing(places, most=5)}; they were graded once."


def shortened(text: str, most: int = 80) -> str:
    r"""Return a text as a sentence can hold it, wherever it is read.

    >>> shortened("a" * 100, 5), shortened("\x1b[2J")
    ('aaaaa…', '\\x1b[2J')
    """
    seen = escape_unseen(text)
    return seen if len(seen) <= most else f"{seen[:most]}…"


def named(number: int) -> str:
    """Say how many runs an answer names."""
    return quantity(number, "run")


def picture(grade: str, needs: str) -> str:
    """Say what the run of a picture does."""
    return f"the run is {grade}" + ("" if grade == needs else f"; {needs} is asked for")


def setting_name(fields: Mapping[str, Any], beside: Mapping[str, Any], seed: int) -> str:
    """Return a run by its seed and by what its fields have otherwise than those of another.

    >>> setting_name({"d_head": 10, "steps": 5}, {"d_head": 20, "steps": 5}, 7)
    'seed 7 at d_head 10'
    """
    others = [f"{name} {shortened(str(value))}" for name, value in fields.items() if value != beside.get(name)]
    return f"seed {seed}" + (f" at {', '.join(others)}" if others else "")


def fact(label: str, shown: str) -> str:
    """Say what a quantity is."""
    return f"{label[:1].upper()}{label[1:]}: {shown}."


def unasked(names: Sequence[str]) -> str:
    """Say that a file answers what is not asked."""
    return f"The file has answers to {listing(map(short_repr, names), most=5)}, which is {UNASKED}."


def roster_sentences(filled: "Filled", to_read: float = 0) -> list[str]:
    """Say what became of a roster; to_read: all points that only a person can give."""
    said = [
        f"Filled {quantity(filled.rows, 'row')} of {filled.column!r}, found by {filled.ids!r}; nothing else was changed."
    ]
    if to_read:
        said.append(f"Not in these grades yet: up to {to_read:g} points for sentences, which you give (read.html).")
    if filled.missing:
        said.append(f"Not in the roster: {listing(filled.missing, most=10)}.")
    if filled.twice:
        said.append(f"In several rows of the roster, and not filled in: {listing(filled.twice, most=10)}.")
    return said
