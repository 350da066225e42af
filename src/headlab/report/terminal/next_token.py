"""What comes after a text, on a terminal."""

from typing import TYPE_CHECKING, Any

from headlab.notation.values import and_more
from headlab.report.limits import MOST_COLUMNS
from headlab.report.terminal.grid import as_text, terminal_table

if TYPE_CHECKING:
    from headlab.analysis.looking.next_token import NextToken

ONE = "probability: softmax of the logits; sigmoid: of each logit alone, as the notebook prints it."
MANY = (
    "predicted: the share of runs that find it most likely; probability: their mean, then its quantiles over the runs."
)
NO_MASK = (
    "Without a causal mask, training showed the words that follow too; here the last position sees only what is there."
)


def next_token_blocks(found: "NextToken", top: int) -> list[Any]:
    """Return the screen's blocks: the most likely tokens, how many more there are, and where the last position looks."""
    table = found.table()
    who = "mean of the runs" if found.n_runs else "last position"
    looks = found.looks()
    shown = looks.iloc[:, -MOST_COLUMNS:]
    return [
        terminal_table(table.head(top), title=f"After {found.text}"),
        *map(as_text, and_more(len(table) - top, "tokens", "--json")),
        as_text(ONE if found.n_runs is None else MANY, style="dim"),
        as_text(""),
        terminal_table(shown, title=f"Attention from there ({who})", shade=True),
        *map(as_text, and_more(looks.shape[1] - shown.shape[1], "positions", "--json")),
        *([] if found.causal else [as_text(NO_MASK)]),
    ]
