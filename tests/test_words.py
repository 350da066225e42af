"""The table of words: everything in it is said somewhere, everything said is in it, and the docs show it as it is."""

import re
import sys
from pathlib import Path

import pytest

import headlab as hl
from headlab.analysis.explanation import clauses, sentences
from headlab.analysis.parts.mechanism import MECHANISMS
from headlab.analysis.trials.ways import KINDS
from headlab.analysis.words import TABLE, THRESHOLDS
from headlab.notation.numbers import with_sign

DOCS = Path(__file__).parents[1] / "docs" / "words.md"
SOURCES = Path(__file__).parents[1] / "src" / "headlab"


def page():
    """Return docs/words.md as the table makes it."""
    lines = [
        "# The words of explanations",
        "",
        "Every clause that a [sentence](explanations.md) may hold, and by what it is measured: made from",
        "`headlab/analysis/words.json` by `python tests/test_words.py`, and held to it by a test.",
        "",
        "| clause | text | what is measured |",
        "|---|---|---|",
        *(f"| `{kind}` | {cell(row['text'])} | {cell(row['measure'])} |" for kind, row in TABLE["clauses"].items()),
        "",
        "| threshold | value | |",
        "|---|---|---|",
        *(f"| {name} | {row['value']:.3g} | {cell(row['measure'])} |" for name, row in TABLE["thresholds"].items()),
        "",
        "| limit | value | |",
        "|---|---|---|",
        *(f"| {name} | {row['value']} | {cell(row['measure'])} |" for name, row in TABLE["limits"].items()),
        "",
        "| mechanism | what it means |",
        "|---|---|",
        *(f"| {name} | {meaning} |" for name, meaning in TABLE["mechanisms"].items()),
        "",
        "| grade | what it means |",
        "|---|---|",
        *(f"| {name} | {meaning} |" for name, meaning in TABLE["grades"].items()),
        "",
        "| ablation | what becomes of the part |",
        "|---|---|",
        *(f"| {name} | {what} |" for name, what in TABLE["ablations"].items()),
        "",
        "| in lists and tables | |",
        "|---|---|",
        *(f"| {name} | {word} |" for table in ("findings", "listed", "coding") for name, word in TABLE[table].items()),
        "",
    ]
    return "\n".join(lines)


def cell(text):
    return re.sub(r"\{(\w+):\w+\}", r"*\1*", text).replace("|", "\\|")


def test_the_docs_show_the_table():
    assert DOCS.read_text(encoding="utf-8") == page()


def test_every_clause_of_the_table_can_be_said_and_no_other():
    source = Path(sentences.__file__).read_text(encoding="utf-8")
    said = set(re.findall(r'"([a-z_]+)"', source)) & set(TABLE["clauses"])
    assert said == set(TABLE["clauses"])
    assert set(re.findall(r'Clause\("([a-z_]+)"', source)) <= set(TABLE["clauses"])


@pytest.mark.parametrize("kind", TABLE["clauses"])
def test_every_argument_has_a_form_and_every_clause_a_measure(kind):
    row = TABLE["clauses"][kind]
    assert {form for _, form in re.findall(r"\{(\w+):(\w+)\}", row["text"])} <= set(clauses.SHOWN)
    assert row["measure"]
    assert set(row) <= {"text", "measure", "joint", "goes_on"}


def test_mechanisms_and_ablations_are_those_of_the_table():
    assert set(TABLE["mechanisms"]) == set(MECHANISMS)
    assert tuple(TABLE["ablations"]) == KINDS


def test_every_threshold_is_read_from_the_table():
    text = "".join(path.read_text(encoding="utf-8") for path in SOURCES.rglob("*.py"))
    assert [name for name in THRESHOLDS if f'"{name}"' not in text] == []


@pytest.mark.parametrize("table", ["phrases", "limits"])
def test_every_phrase_and_limit_is_read_from_the_table(table):
    text = "".join(path.read_text(encoding="utf-8") for path in SOURCES.rglob("*.py"))
    unread = {name.removeprefix("last_") for name in TABLE[table] if f'"{name}"' not in text}
    assert unread <= {"head_looks", "heads_look", "draws_of", "draw_of"}  # names that are put together


def test_a_rest_makes_the_shown_digits_add_up():
    for total, parts in ((3.456, [4.171]), (8.0, [3.994, 3.994]), (0.004, [1.006, -0.994])):
        rest = clauses.rest_of(total, parts) or 0.0
        shown = [float(with_sign(value, 2).replace("−", "-")) for value in (*parts, rest)]
        assert round(sum(shown), 2) == round(total, 2)


def test_a_number_on_a_boundary_is_shown_alike_whatever_its_last_bits():
    for value in (10.425, -0.125, 2.675):
        shown = {str(clauses.Clause("adds", {"contribution": value + bits})) for bits in (-2e-15, 0.0, 2e-15)}
        assert len(shown) == 1


def test_a_sentence_is_its_first_clauses_and_nothing_else():
    for record in (
        hl.train(hl.Corpus.notebook(), hl.ModelConfig(n_heads=2), seeds=range(20), record="none").explain()[3].records
    ):
        told = record.sentence.removesuffix(".").lower()
        text = ""
        for clause in record.clauses:
            longer = text + (clause.joint if text else "") + str(clause)
            if not told.startswith(longer.lower()):
                break
            text = longer
        assert told == text.lower()


if __name__ == "__main__":
    DOCS.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{DOCS} is written\n")
