"""What came of grading: of a student, of a file that could not be graded, and of all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headlab.homework.assignment.assignment import Assignment
    from headlab.homework.assignment.question import Question
    from headlab.homework.grading.again import Again
    from headlab.homework.grading.asked import Ended
    from headlab.homework.grading.collected import Collected

RIGHT, PARTLY, WRONG = "right", "partly right", "wrong"
UNCOUNTED, MISSING, TO_READ = "not counted", "missing", "to be read"


@dataclass(frozen=True)
class Item:
    """One question's answer, judged.

    said: the answer in words; checked: whether running again settled it
    verdict: right, partly right, wrong, not counted, missing or to be read; why: the measurement, or why it is not counted
    value: of a setting that was found, for a leaderboard
    """

    question: "Question"
    points: float
    said: str
    verdict: str
    why: str = ""
    checked: bool = True
    value: float | None = None

    @property
    def max(self) -> float:
        """How many points there are for it."""
        return self.question.points

    @property
    def feedback(self) -> str:
        """What the instructor has to say of a right answer, or of another one."""
        return self.question.right if self.verdict == RIGHT else "" if self.verdict == TO_READ else self.question.wrong

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "question": self.question.id,
            "kind": self.question.kind,
            "points": self.points,
            "max": self.max,
            "said": self.said,
            "verdict": self.verdict,
            "checked": self.checked,
            "why": self.why,
            "feedback": self.feedback,
        }


@dataclass(frozen=True, eq=False)
class Graded:
    """A student's file, graded by running it again.

    place: the file; variant: the student's; problems: why the file, or some run of it, does not count, a sentence each
    notes: for the instructor alone; unchecked: what of it no measurement can settle
    facts: by question, what was measured of the runs that it is about; explained: by question, headlab's own words on these
    runs: by their number in the file, how those ended that count; collected: by question, which of them were collected for it
    pictures: by question, the run of a picture, whose tables are the evidence
    refused: the file as a whole, and no answer of it was judged
    """

    student: str
    place: str
    variant: int | None
    items: tuple[Item, ...]
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()
    facts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    explained: Mapping[str, Sequence[str]] = field(default_factory=dict)
    runs: Mapping[int, "Ended"] = field(default_factory=dict, repr=False)
    collected: Mapping[str, "Collected"] = field(default_factory=dict, repr=False)
    pictures: Mapping[str, "Again"] = field(default_factory=dict, repr=False)
    refused: bool = False

    @property
    def score(self) -> float:
        """The points for what was measured."""
        return round(sum(item.points for item in self.items), 6)

    @property
    def max_score(self) -> float:
        """All points, those of sentences included."""
        return sum(item.max for item in self.items)

    @property
    def to_read(self) -> float:
        """The points that a person gives: those of sentences that were written."""
        return sum(item.max for item in self.items if item.verdict == TO_READ)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "student": self.student,
            "file": self.place,
            "variant": self.variant,
            "refused": self.refused,
            "score": self.score,
            "max_score": self.max_score,
            "to_read": self.to_read,
            "items": [item.to_dict() for item in self.items],
            "problems": list(self.problems),
            "notes": list(self.notes),
            "unchecked": list(self.unchecked),
            "facts": {name: list(said) for name, said in self.facts.items()},
            "explained": {name: list(said) for name, said in self.explained.items()},
        }


@dataclass(frozen=True)
class Refused:
    """A file that could not be read as anybody's answers; student: whose it says it is, as far as it can be read."""

    place: str
    problems: tuple[str, ...]
    student: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {"file": self.place, "student": self.student, "problems": list(self.problems)}


@dataclass(frozen=True)
class Grades:
    """Everything that was handed in: graded, by student, what could not be read, and what was no answer file."""

    assignment: "Assignment"
    graded: tuple[Graded, ...]
    refused: tuple[Refused, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def scores(self) -> dict[str, float]:
        """The points by student, of those whose file was judged."""
        return {item.student: item.score for item in self.graded if not item.refused}

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "assignment": self.assignment.name,
            "hash": self.assignment.hash,
            "points": self.assignment.points,
            "students": [item.to_dict() for item in self.graded],
            "unreadable": [item.to_dict() for item in self.refused],
            "left_out": list(self.left_out),
        }
