"""How many explanations there are, in words: tables and lines that say which sets of parts suffice."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pandas as pd

from headlab.analysis.minimal.solve import ABLATIONS
from headlab.analysis.words import TABLE
from headlab.arrays import Array, Shaped
from headlab.notation.numbers import quantity
from headlab.notation.values import and_more
from headlab.report.words.explanation import share_text

if TYPE_CHECKING:
    from headlab.analysis.minimal.minimal_sets import MinimalSets

MOST_SETS = 6  # of one prediction, on a screen
SAID = TABLE["sets"]
_BY = "; ".join(f"{kind}: {TABLE['ablations'][kind]}" for kind in ABLATIONS)
MEANING = f"{SAID['meaning']} {_BY}. monotone: {SAID['monotone']}."
_WHERE = ("run", "sequence")


def numbered(found: "MinimalSets") -> list[dict[str, Any]]:
    """Return plain values, a mapping a run, dependency and ablation, with sentences counted from 1."""
    return [
        {"run": row["run"], "sentence": row["sequence"] + 1, **{name: row[name] for name in row if name not in _WHERE}}
        for row in found.to_list()
    ]


def numbered_table(found: "MinimalSets") -> pd.DataFrame:
    """Return the table of minimal sets, with sentences counted from 1."""
    table = found.table()
    table["sequence"] += 1
    return table.rename(columns={"sequence": "sentence"})


def set_table(found: "MinimalSets") -> pd.DataFrame:
    """Return one run's minimal sets in numbers, as text, a row a dependency and ablation."""
    table = found.table()
    shown = pd.DataFrame(
        {
            "sets": table["sets"].map(str),
            "smallest": table["smallest"].map(lambda size: "–" if pd.isna(size) else quantity(size, "part")),
            "monotone": table["monotone"].map(lambda value: "–" if pd.isna(value) else "yes" if value else "no"),
            "of parts": table["parts"].map(str),
        }
    )
    return shown.set_index(pd.Index([_called(row) for row in table.to_dict("records")]))


def set_lines(found: "MinimalSets", everything: str) -> Iterator[str]:
    """Yield which sets these are, some lines a dependency and ablation; everything: the command that lists all."""
    for row in found.to_list():
        sets = row["in_words"]
        if sets:
            yield f"{_called(row)}: {SAID['one'] if len(sets) == 1 else SAID['several'].format(sets=len(sets))}"
            yield from (f"  {words}" for words in sets[:MOST_SETS])
            yield from (f"  {line}" for line in and_more(len(sets) - MOST_SETS, "sets", everything))
        else:
            yield f"{_called(row)}: {SAID['none']}"
        if row["left"]:
            yield f"  {SAID['left'].format(parts=quantity(row['left'], 'part'))}"


def distribution_table(found: "MinimalSets") -> pd.DataFrame:
    """Return how many right predictions have how many minimal sets, as text: a row a number, a column an ablation."""
    table = found.distribution()
    columns = {
        kind: {
            sets: f"{row['predictions']:,.0f} ({share_text(row['share'])})"
            for sets, row in table.loc[[kind]].droplevel(0).iterrows()
        }
        for kind in ABLATIONS
        if kind in table.index.get_level_values(0)
    }
    shown = pd.DataFrame(columns).sort_index().fillna("–")
    return shown.set_index(pd.Index([quantity(int(sets), "set") for sets in shown.index]))


def group_table(found: "MinimalSets", groups: Shaped[Array, " run"]) -> pd.DataFrame:
    """Return by group in what share of runs there is exactly one set at each dependency, and the most, as text."""
    table = found.by_group(groups)
    shown = {}
    for kind in ABLATIONS:
        shown[kind] = table[f"one_{kind}"].map(share_text)
        shown[f"most, {kind}"] = table[f"most_{kind}"].map(lambda most: "" if pd.isna(most) else quantity(most, "set"))
    return pd.DataFrame(shown)


def _called(row: dict[Any, Any]) -> str:
    where = {name: row[name] for name in ("position", "target", "ablation")}
    return str(SAID["where"].format(sentence=row["sequence"] + 1, **where))
