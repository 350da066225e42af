"""`headlab homework grade`: what was handed in, graded by training its runs again."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from headlab.cli.help import Command
from headlab.cli.options import json_option
from headlab.cli.terminal import output_folder, progress_bar, put_json, show
from headlab.errors import HeadlabError
from headlab.files import path_text

if TYPE_CHECKING:
    from headlab.homework.grading.graded import Grades
    from headlab.homework.grading.roster import Filled, Roster

FORMS = ("gradescope", "prairielearn")
MOST_SECONDS = 60.0


@click.command(cls=Command)
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("submissions", type=click.Path(path_type=Path))
@click.option("--roster", type=click.Path(path_type=Path), help="Your gradebook's export (CSV), to fill one column of.")
@click.option("--column", metavar="NAME", help="The column to fill.  [default: the one called as the assignment]")
@click.option("--id-column", metavar="NAME", help="The column with the ids.  [default: the one with most of them]")
@click.option("--out", type=click.Path(path_type=Path), help="The folder of all files.  [default: NAME-grades]")
@click.option(
    "--format", "form", type=click.Choice(FORMS), help="Of one student: write results.json as an autograder must."
)
@click.option(
    "--most-seconds",
    type=click.FloatRange(0.001, 86_400),
    default=MOST_SECONDS,
    show_default=True,
    help="Of a core, that one file's runs may take.",
)
@json_option
def grade(
    file: Path,
    submissions: Path,
    roster: Path | None,
    column: str | None,
    id_column: str | None,
    out: Path | None,
    form: str | None,
    most_seconds: float,
    as_json: bool,
) -> None:
    """Grade what was handed in by running it again.

    SUBMISSIONS is a folder, with folders and zips in it as Canvas and Moodle give them out, or one answer file. Every run that
    a file names is trained again, and its answers are judged against it: what cannot be trained again does not count.
    Prints a table, and writes grades.csv, class.html (all runs as one experiment, without names), read.html (what students wrote,
    beside what was measured), and results/ID.json for each student.
    """
    from headlab.homework.assignment.assignment import Assignment
    from headlab.homework.grading.grade import grade
    from headlab.homework.grading.graded import Grades, Refused

    assignment = Assignment.read(file)
    gradebook = None if roster is None else _roster(roster)
    folder = output_folder(Path(f"{assignment.name}-grades") if out is None else out)
    try:
        with progress_bar("grading") as progress:
            one = form is not None
            graded = grade(
                assignment, submissions, most_seconds=most_seconds, explain=not one, alone=one, progress=progress
            )
    except HeadlabError as error:
        if form is None:
            raise
        graded = Grades(assignment, (), (Refused(path_text(submissions), (str(error),)),))
    if form is not None:
        _write_one(graded, form, folder, as_json=as_json)
    else:
        filled = wrong = None
        if gradebook is not None:
            try:
                names = (assignment.name, assignment.title)
                filled = gradebook.filled(graded.scores, column, *names, ids=id_column)
            except HeadlabError as error:  # what was graded is kept
                wrong = error
        _write_all(graded, filled, folder, as_json=as_json)
        if wrong is not None:
            raise wrong


def _roster(path: Path) -> "Roster":
    from headlab.files import read_whole
    from headlab.homework.grading.roster import Roster

    try:
        return Roster.of(read_whole(path))
    except OSError as error:
        said = f"the roster must be a file that can be read, got {path_text(path)!r} ({error.strerror or error})"
        raise HeadlabError(f"{said}: export it as CSV") from None


def _write_one(grades: "Grades", form: str, folder: Path, *, as_json: bool) -> None:
    """Write results.json of the one student whose submission this is."""
    from headlab.homework.grading import results
    from headlab.report.terminal.grades import result_lines

    found = results.of_one(grades, form)
    _write(folder, {"results.json": found})
    if as_json:
        put_json(found)
    else:
        show(result_lines(grades))


def _write_all(grades: "Grades", filled: "Filled | None", folder: Path, *, as_json: bool) -> None:
    """Write everything of a class, and show it."""
    from headlab.homework.grading import results
    from headlab.homework.grading.pooled import Class
    from headlab.homework.grading.words import roster_sentences
    from headlab.report.handout import class_page, read_page
    from headlab.report.terminal.grades import grades_blocks, grades_csv

    pooled = Class.of(grades)
    csv = grades_csv(grades).encode() if filled is None else filled.data
    files: dict[str, Any] = {
        f"results/{name}": results.of(one, grades.assignment.points) for name, one in results.files(grades).items()
    }
    files["class.html"] = class_page.render(grades.assignment, pooled).encode()
    files["read.html"] = read_page.render(grades.assignment, grades.graded).encode()
    _write(folder, {"grades.csv": csv, **files})
    said = [] if filled is None else roster_sentences(filled, sum(one.to_read for one in grades.graded))
    if as_json:
        put_json({**grades.to_dict(), "class": pooled.to_dict(), "roster": said, "folder": str(folder)})
    else:
        show(
            grades_blocks(
                grades, pooled, [*said, f"Written: {path_text(folder / 'grades.csv')}, class.html, read.html, results/"]
            )
        )


def _write(folder: Path, files: dict[str, Any]) -> None:
    from headlab.files import output_error, write_output
    from headlab.report.json.values import json_text

    try:
        for inner in {Path(name).parent for name in files}:
            (folder / inner).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error("the output", folder, error) from error
    for name, content in files.items():
        write_output(folder / name, content if isinstance(content, bytes) else f"{json_text(content)}\n".encode())
