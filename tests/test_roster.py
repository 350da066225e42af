"""A gradebook's export is filled in one column, and every other byte of it stays."""

import csv
import io
import random

import pytest

from headlab.errors import HeadlabError
from headlab.homework.grading.roster import Roster

CANVAS = (
    "\ufeffStudent,ID,SIS User ID,SIS Login ID,Section,hw1 (482113),Final Score\r\n"
    ",,,,,Manual Posting,(read only)\r\n"
    '"    Points Possible",,,,,19.0,(read only)\r\n'
    '"Lovelace, Ada",1001,u-9,ab12,"A ""1""",,93.5\r\n'
    '"Roe, Bob",1002,u-10,BOB,A,3,\r\n'
    '"Student, Test",,,,A,,\r\n'
)
MOODLE = (
    "First name,Surname,ID number,Email address,Assignment: hw1 (Real),Feedback\n"
    'Ada,Lovelace,77,ab12@uni.edu,-,"two\nlines, ""quoted"""\n'
    "Bob,Roe,78,bob@uni.edu,-,\n"
)


def test_canvas_export_has_one_column_filled_and_every_other_byte_as_it_was():
    data = CANVAS.encode()
    filled = Roster.of(data).filled({"ab12": 17.5, "bob": 9, "eve": 1}, None, "hw1")
    assert (filled.column, filled.ids, filled.rows, filled.missing) == ("hw1 (482113)", "SIS Login ID", 2, ("eve",))
    assert filled.data == data.replace(b'"A ""1""",,', b'"A ""1""",17.5,').replace(b"BOB,A,3,", b"BOB,A,9,")


def test_moodle_export_with_quoted_line_ends_is_filled():
    data = MOODLE.encode()
    scores = {"ab12@uni.edu": 12.25, "bob@uni.edu": 0}
    filled = Roster.of(data).filled(scores, "Assignment: hw1 (Real)")
    assert filled.ids == "Email address"
    assert filled.data == data.replace(b'edu,-,"', b'edu,12.25,"').replace(b"edu,-,\n", b"edu,0,\n")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_encoding_delimiter_and_line_ends_stay(encoding, end, delimiter):
    rows = [["Name", "username", "hw1"], ["Zoë", "ab12", ""], ["Åse", "bob", "1"]]
    text = end.join(delimiter.join(row) for row in rows) + end
    filled = Roster.of(text.encode(encoding)).filled({"bob": 2.5, "ab12": 7}, None, "hw1")
    rows[1][2], rows[2][2] = "7", "2.5"
    assert filled.data == (end.join(delimiter.join(row) for row in rows) + end).encode(encoding)


def test_quotes_commas_for_points_and_short_rows_stay():
    data = b'sep=;\r\n"id";"x";"hw1"\r\n"ab12";"1,5";""\r\n"bob"\r\n"eve";"";"2"'
    filled = Roster.of(data).filled({"ab12": 7.5, "bob": 3, "eve": 1}, None, "hw1")
    assert filled.data == b'sep=;\r\n"id";"x";"hw1"\r\n"ab12";"1,5";"7,5"\r\n"bob";;3\r\n"eve";"";"1"'


def test_who_is_in_several_rows_or_in_none_is_told_and_not_filled_in():
    data = b"id,hw1\nab12,\nAB12,\nbob,\n"
    filled = Roster.of(data).filled({"ab12": 1, "bob": 2, "eve": 3}, None, "hw1")
    assert (filled.missing, filled.twice) == (("eve",), ("ab12",))
    assert filled.data == b"id,hw1\nab12,\nAB12,\nbob,2\n"


@pytest.mark.parametrize(
    ("data", "column", "said"),
    [
        (
            b"Name,Grade\nAda,\n",
            None,
            "must have a column with the ids of students, got none: its columns are 'Name', 'Grade'",
        ),
        (b"id,Name\nab12,Ada\n", None, "must have a column 'hw1' to fill, got none: its columns are 'id', 'Name'"),
        (b"id,hw1,hw1\nab12,,\n", None, "got 2 columns 'hw1'"),
        (b"id,hw1\nab12,\n", "hw2", "got no column 'hw2'"),
        (b"id,hw1\nab12,\n", "id", "must be another than that of the ids"),
        (b"", None, "must be a CSV file with a header"),
        (b"\0\0\0\0", None, "must be a CSV file with a header"),
        (b"\xff\xfe\0", None, "must be a CSV file with a header"),
    ],
)
def test_a_roster_that_cannot_be_filled_is_one_sentence_with_its_columns(data, column, said):
    with pytest.raises(HeadlabError) as caught:
        Roster.of(data).filled({"ab12": 1}, column, "hw1")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_column_is_found_by_the_assignments_title_or_as_the_only_grade():
    for data in (b"id,A homework\nab12,\n", b"id,Grade,Note\nab12,,\n"):
        assert Roster.of(data).filled({"ab12": 4}, None, "hw1", "a Homework").rows == 1


def test_what_python_reads_of_a_filled_roster_differs_in_the_filled_cells_alone():
    rng = random.Random(3)
    for _ in range(200):
        delimiter = rng.choice(",;\t")
        table = io.StringIO()
        writer = csv.writer(
            table, delimiter=delimiter, quoting=rng.choice([0, 1]), lineterminator=rng.choice(["\n", "\r\n"])
        )
        rows = [["Name", "login", "hw1", "Note"]]
        rows += [["".join(rng.choices('ab",; \n\té', k=4)), f"s{n}", rng.choice(["", "1"]), "x"] for n in range(5)]
        writer.writerows(rows)
        scores = {f"S{n}": n + 0.5 for n in range(0, 5, 2)}
        filled = Roster.of(table.getvalue().encode()).filled(scores, None, "hw1")
        found = [*csv.reader(io.StringIO(filled.data.decode(), newline=""), delimiter=delimiter)]
        for n in range(0, 5, 2):
            rows[n + 1][2] = f"{n}.5"
        assert found == rows
