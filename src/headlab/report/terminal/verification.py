"""Verifications on a terminal: hashes beside the golden ones, a column an instruction set."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from headlab.report.terminal.grid import TableColumn, TerminalTable, as_text, verdict
from headlab.report.words.verification import agreement, not_tried

if TYPE_CHECKING:
    from headlab.runs.verify import Verification

DIGITS, FEWER_DIGITS = 12, 8  # of a hash, alone and where several stand side by side


def verification_blocks(found: Sequence["Verification"], others: Sequence[str]) -> Iterator[Any]:
    """Yield the screen's blocks: what was verified, the table of hashes, and what may be said of it; of that which agrees.

    found: by one backend, an instruction set each; others: the instruction sets that were not tried
    """
    first, digits = found[0], DIGITS if len(found) == 1 else FEWER_DIGITS
    about = first.to_dict()
    kernel = f"{first.backend} ({', '.join(one.instruction_set for one in found)}), numerics {first.numerics}"
    yield as_text(f"headlab {about['headlab']}, {kernel}, on {first.processor}")
    columns = [TableColumn(as_text("golden"), [as_text(text[:digits]) for text in first.golden.values()], "left")]
    for one in found:
        cells = [
            verdict("right" if text == one.golden[name] else "wrong", text[:digits])
            for name, text in one.hashes.items()
        ]
        columns.append(TableColumn(as_text(one.instruction_set), cells, "left"))
    title = f"SHA-256, first {digits} digits, of the weights that seeds 0 to {about['seeds'] - 1} end with"
    yield TerminalTable(title, [as_text(name, style="bold") for name in first.golden], columns)
    if all(one.agree for one in found):
        yield as_text(agreement(found))
    if others:
        yield as_text(not_tried(others))
