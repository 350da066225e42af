"""Tables as CSV and JSON: what is read back is what was there, and both forms say the same."""

import csv
import io
import json
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from headlab.notation.csv_text import FORMULAS, csv_text
from headlab.notation.visible import escape_unseen
from headlab.report.json.values import json_text, records

WORDS = st.text(max_size=8)
briefly = settings(deadline=None, max_examples=30)
COLUMNS = {
    "float32": st.floats(width=32),
    "float64": st.floats(),
    "uint64": st.integers(0, 2**64 - 1),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "bool": st.booleans(),
}


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("dtype", COLUMNS)
@briefly
@given(data=st.data())
@example(data=None)
def test_numbers_read_back_equal_from_both_forms(dtype: str, data: st.DataObject | None) -> None:
    extremes = {"float32": [1e-45, 1e30, -0.0, np.nan, -np.inf, 2.5e-15, 0.1], "uint64": [2**64 - 1, 0]}
    values = np.array(extremes.get(dtype, [0]) if data is None else data.draw(st.lists(COLUMNS[dtype])), dtype)
    frame = pd.DataFrame({"x": values, "y": values})
    from_json = [row["x"] for row in json.loads(json_text(records(frame)))]
    from_csv = [json.loads(cell.lower() or "null") for cell, _ in read(csv_text(frame))[1:]]
    assert from_csv == from_json
    assert [type(value) for value in from_csv] == [type(value) for value in from_json]
    finite = np.isfinite(values)
    assert [value is None for value in from_csv] == (~finite).tolist()
    back = np.array([value for value in from_csv if value is not None], dtype)
    assert back.tobytes() == values[finite].tobytes()
    assert [value for value in from_csv if value is not None] == values[finite].tolist()  # for a reader of float64 too


@briefly
@given(st.lists(st.tuples(WORDS, WORDS), min_size=1))
@example([("=1+1", "'="), ("a\rb", 'x"y'), ("", "a,b"), ("\x1b[31m", "\u202e"), ("\t", "＝1")])
def test_text_reads_back_equal_from_both_forms_and_from_safe_cells(rows: list[tuple[str, str]]) -> None:
    frame = pd.DataFrame(rows, columns=["=a", "b"]).astype(object)
    assert read(csv_text(frame)) == [["=a", "b"], *map(list, rows)]
    assert [tuple(row.values()) for row in json.loads(json_text(records(frame)))] == rows
    cells = read(csv_text(frame, safe=True))
    assert not any(cell.startswith(tuple(FORMULAS)) for row in cells for cell in row)
    assert [[cell.removeprefix("'") for cell in row] for row in cells] == [["=a", "b"], *map(list, rows)]


def test_safe_cells_leave_numbers_alone() -> None:
    assert csv_text(pd.DataFrame({"change": [-1.5, 2.0], "n": [-1, 2]}), safe=True) == "change,n\n-1.5,-1\n2.0,2\n"


@briefly
@given(WORDS)
@example("\x1b]0;title\x07\x9b\u202e\u200b\ufeff\u2028\x7f\U000e0041")
def test_json_holds_no_character_that_a_terminal_obeys(word: str) -> None:
    text = json_text({word: word})
    assert escape_unseen(text) == text
    assert json.loads(text) == {word: word}
    ascii_only = json_text({word: word}, ascii_only=True)
    assert ascii_only.isascii()
    assert json.loads(ascii_only) == {word: word}


def test_half_a_character_is_escaped_too() -> None:
    assert json_text("file\udcff") == '"file\\udcff"'
    assert escape_unseen("file\udcff") == "file\\udcff"


def test_lists_dates_and_missing_values_are_plain_in_both_forms() -> None:
    frame = pd.DataFrame({"a": [[1, 2], None], "b": [date(2026, 1, 2), None], "c": pd.array([1, None], "Int64")})
    assert json.loads(json_text(records(frame))) == [
        {"a": [1, 2], "b": "2026-01-02", "c": 1},
        {"a": None, "b": None, "c": None},
    ]
    assert read(csv_text(frame))[1:] == [["[1, 2]", "2026-01-02", "1"], ["", "", ""]]


def test_an_empty_text_is_not_a_missing_one() -> None:
    assert csv_text(pd.DataFrame({"a": ["", None], "b": [None, ""]}, dtype=object)) == 'a,b\n"",\n,""\n'


def test_a_table_of_one_column_keeps_its_empty_rows() -> None:
    assert pd.read_csv(io.StringIO(csv_text(pd.DataFrame({"x": [1.0, np.nan, 3.0]})))).shape == (3, 1)
