"""What is said of verifications: that all settings are the same to the bit, or which are not, and what to do then."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from headlab.notation.numbers import duration
from headlab.notation.values import enumeration

if TYPE_CHECKING:
    from headlab.runs.verify import Verification

MOST_NAMED = 3


def agreement(found: Sequence["Verification"]) -> str:
    """Return the sentence that says that every setting has its golden hash."""
    names = [one.instruction_set for one in found]
    seconds = duration(sum(one.seconds for one in found))
    return (
        f"All {len(found[0].hashes)} settings have their golden hash with {enumeration(names, len(names))} ({seconds}): "
        "here these seeds are the same runs, to the bit, as wherever that is so."
    )


def disagreement(found: Sequence["Verification"]) -> str:
    """Return the sentence that says which settings have another hash, what that means and what to do."""
    where = [
        f"with {one.instruction_set} {len(one.differ)} of {len(one.hashes)} settings ended in other weights than the "
        f"golden ones ({enumeration(one.differ, MOST_NAMED)})"
        for one in found
        if not one.agree
    ]
    return (
        f"{'; '.join(where)}: this build gives other bits than every other, so do not share its seeds or studies, "
        "and report it with what `headlab verify --json` prints"
    )


def not_tried(names: Sequence[str]) -> str:
    """Return the sentence that names the instruction sets that were not tried.

    >>> not_tried(["avx2", "generic"])
    'Not tried: avx2 and generic, which this processor has, too (--all).'
    """
    return f"Not tried: {enumeration(names, len(names))}, which this processor has, too (--all)."
