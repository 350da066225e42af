"""An instructor's own export of a gradebook with one column filled: every other byte of it stays as it was."""

import codecs
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from headlab.errors import HeadlabError
from headlab.notation.values import listing, short_repr

MOST_BYTES = 64 << 20
DELIMITERS = ",;\t|"
IDS = (  # names of columns that hold what students are called, the likeliest first; in lower case, and without marks
    "id",
    "student id",
    "sis user id",
    "sis login id",
    "login id",
    "id number",
    "student number",
    "user id",
    "username",
    "email",
    "email address",
    "sid",
    "user",
    "login",
    "netid",
    "matriculation number",
    "matrikelnummer",
    "kennung",
)
GRADES = ("grade", "score", "points")  # of the column to fill, where none is called as the assignment
_BOMS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_NUMBERED = re.compile(r"(.*\S)\s*\(\d+\)", re.DOTALL)  # a Canvas column: a name and the number of an assignment
_COMMA = re.compile(r"\d+,\d+")
_SEPARATED = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)


@dataclass(frozen=True)
class Cell:
    """A cell: its value, and where in the text it begins and ends, quotes included."""

    value: str
    start: int
    end: int


@dataclass(frozen=True)
class Filled:
    """A roster with its column filled: the file's new content, and who was not in it, or in several rows and so in none.

    column, ids: the headers of the column that was filled and of that with the ids; rows: how many were filled
    """

    data: bytes
    column: str
    ids: str
    rows: int
    missing: tuple[str, ...]
    twice: tuple[str, ...]


@dataclass(frozen=True)
class Roster:
    """A table of cells in a text that is kept as it is; mark: what its bytes begin with; encoding: of the others."""

    text: str
    mark: bytes
    encoding: str

    @classmethod
    def of(cls, data: bytes) -> "Roster":
        r"""Read a CSV file, whatever delimits it and ends its lines; raises `HeadlabError` for what is none.

        >>> roster = Roster.of(b"Name;ID;hw1\r\nAda;AB12;\r\n")
        >>> roster.filled({"ab12": 7.5}, "hw1").data
        b'Name;ID;hw1\r\nAda;AB12;7.5\r\n'
        """
        if len(data) > MOST_BYTES:
            raise HeadlabError(f"the roster must have at most {MOST_BYTES >> 20} MiB, got more: export one course")
        mark = next((bom for bom in _BOMS if data.startswith(bom)), b"")
        encodings = [_BOMS[mark]] if mark else ["utf-8", "cp1252", "latin-1"]
        for encoding in encodings:
            try:
                roster = cls(data[len(mark) :].decode(encoding), mark, encoding)
            except UnicodeDecodeError:
                continue
            if roster.text.encode(encoding) == data[len(mark) :] and "\0" not in roster.text and roster.header:
                return roster
        raise HeadlabError("the roster must be a CSV file with a header, got something else: export it as CSV")

    @cached_property
    def delimiter(self) -> str:
        """What stands between cells: what most columns of the header are told apart by."""
        said = _SEPARATED.match(self.text)
        if said:
            return said[1]
        return max(DELIMITERS, key=lambda mark: len(next(_rows(self.text, mark), [])))

    @cached_property
    def rows(self) -> list[list[Cell]]:
        """All rows with something in them; the first is the header."""
        said = _SEPARATED.match(self.text)
        return [*_rows(self.text, self.delimiter, said.end() if said else 0)]

    @property
    def header(self) -> list[str]:
        """The names of the columns."""
        return [cell.value.strip() for cell in self.rows[0]] if self.rows else []

    def column_of(self, name: str) -> int:
        """Return the number of a column by its name, case and Canvas's number behind it apart; raises `HeadlabError`."""
        found = [number for number, column in enumerate(self.header) if _plain(column) == _plain(name)]
        found = [number for number in found if self.header[number] == name] or found
        if len(found) != 1:
            got = f"{len(found)} columns {short_repr(name)}" if found else f"no column {short_repr(name)}"
            raise HeadlabError(f"the roster must have the column to use once, got {got}: {self._columns()}")
        return found[0]

    def column_of_ids(self, students: Sequence[str]) -> int:
        """Return the number of the column in which most of these students are; raises `HeadlabError` where none has ids."""
        names = [_plain(column) for column in self.header]
        known = [IDS.index(name) if name in IDS else len(IDS) for name in names]
        wanted = {student.lower() for student in students}
        found = [0] * len(names)
        for row in self.rows[1:]:
            for number, cell in enumerate(row[: len(names)]):
                found[number] += cell.value.strip().lower() in wanted
        best = max(range(len(names)), key=lambda number: (found[number], -known[number]))
        if not found[best] and known[best] == len(IDS):
            raise HeadlabError(f"the roster must have a column with the ids of students, got none: {self._columns()}")
        return best

    def column_to_fill(self, *names: str) -> int:
        """Return the number of the column that bears one of these names, or alone is for a grade; raises `HeadlabError`."""
        for name in names:
            if any(_plain(column) == _plain(name) for column in self.header):
                return self.column_of(name)
        grades = [number for number, column in enumerate(self.header) if _plain(column) in GRADES]
        if len(grades) == 1:
            return grades[0]
        raise HeadlabError(f"the roster must have a column {short_repr(names[0])} to fill, got none: {self._columns()}")

    def filled(self, scores: Mapping[str, float], column: str | None, *names: str, ids: str | None = None) -> Filled:
        """Return the roster with a column filled for these students, found by their ids whatever the case.

        column, ids: the columns' names; where they are left out, names has what the column may be called, and ids are looked for
        Raises `HeadlabError`, which lists the columns.
        """
        of_ids = self.column_of_ids([*scores]) if ids is None else self.column_of(ids)
        to_fill = self.column_to_fill(*names) if column is None else self.column_of(column)
        if of_ids == to_fill:
            raise HeadlabError(f"the column to fill must be another than that of the ids: {self._columns()}")
        rows: dict[str, list[list[Cell]]] = {student.lower(): [] for student in scores}
        for row in self.rows[1:]:
            if of_ids < len(row) and (place := rows.get(row[of_ids].value.strip().lower())) is not None:
                place.append(row)
        comma = self.delimiter != "," and any(_COMMA.fullmatch(cell.value) for row in self.rows for cell in row)
        changes = [
            self._change(found[0], to_fill, _written(scores[student], comma))
            for student in scores
            if len(found := rows[student.lower()]) == 1
        ]
        missing = tuple(student for student in scores if not rows[student.lower()])
        twice = tuple(student for student in scores if len(rows[student.lower()]) > 1)
        data = self.mark + _replaced(self.text, changes).encode(self.encoding)
        return Filled(data, self.header[to_fill], self.header[of_ids], len(changes), missing, twice)

    def _change(self, row: Sequence[Cell], number: int, text: str) -> tuple[int, int, str]:
        """Return from where to where a text is to be put for a row to have it in a column; a quoted cell stays so."""
        if number >= len(row):
            return row[-1].end, row[-1].end, self.delimiter * (number + 1 - len(row)) + text
        cell = row[number]
        old = self.text[cell.start : cell.end]
        return cell.start, cell.end, f'"{text}"' if old.startswith('"') else text

    def _columns(self) -> str:
        return f"its columns are {listing(map(short_repr, self.header))}"


def _plain(name: str) -> str:
    name = name.strip()
    numbered = _NUMBERED.fullmatch(name)
    return (numbered[1] if numbered else name).casefold().replace("_", " ").strip()


def _written(score: float, comma: bool) -> str:
    text = f"{score:.2f}".rstrip("0").rstrip(".")
    return text.replace(".", ",") if comma else text


def _replaced(text: str, changes: Sequence[tuple[int, int, str]]) -> str:
    parts, at = [], 0
    for start, end, new in sorted(changes):
        parts += [text[at:start], new]
        at = end
    return "".join([*parts, text[at:]])


def _rows(text: str, delimiter: str, at: int = 0) -> Iterator[list[Cell]]:
    """Yield rows as RFC 4180 has them, with other line ends too; blank lines are none."""
    unquoted = re.compile(rf"[^{re.escape(delimiter)}\r\n]*")
    quoted = re.compile(rf'[ ]*"((?:[^"]|"")*)"[^{re.escape(delimiter)}\r\n]*')
    row: list[Cell] = []
    while at < len(text) or row:
        found = quoted.match(text, at)
        value = found[1].replace('""', '"') if found else ""
        if found is None:
            found = unquoted.match(text, at)
            assert found is not None  # it matches nothing, too
            value = found[0]
        row.append(Cell(value, at, found.end()))
        at = found.end()
        if text[at : at + 1] == delimiter:
            at += 1
            continue
        if len(row) > 1 or row[0].value.strip():
            yield row
        row = []
        at += 2 if text[at : at + 2] == "\r\n" else 1
