"""All files of an assignment at once: made in memory, then written, so that nothing is written where one cannot be made."""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from headlab.errors import ConfigError
from headlab.files import check_output, output_error, write_output
from headlab.homework.assignment.assignment import WHAT, Assignment
from headlab.homework.assignment.difficulty import Difficulty
from headlab.report.handout import key
from headlab.report.handout.autograder import autograder_zip
from headlab.report.handout.notebook import notebook
from headlab.report.handout.page import homework_page
from headlab.report.handout.scorm import scorm_zip
from headlab.study.toml import text_of_file

AUTOGRADER = "autograder.zip"


@dataclass(frozen=True)
class File:
    """One of the files: its name, its content, and whom it is for."""

    name: str
    content: bytes
    whom: str

    def write(self, folder: Path) -> Path:
        """Write it into a folder whole or not at all, and return its path; raises `OutputError`."""
        path = folder / self.name
        write_output(path, self.content)
        return path


def handout(path: Path) -> list[File]:
    """Return the files of an assignment, every one made; raises `ConfigError` where it is wrong, too hard or too easy."""
    text = text_of_file(path, WHAT)
    assignment = Assignment.of_text(text, path.stem, str(path))
    difficulty = Difficulty.of(assignment)
    if difficulty.problems:
        raise ConfigError(difficulty.problems)
    return list(_files(assignment, text.encode(), difficulty))


def other_assignment(files: list[File], folder: Path) -> str | None:
    """Return the name of another assignment whose `autograder.zip`, and so whose key, files would replace in a folder."""
    try:
        with zipfile.ZipFile(folder / AUTOGRADER) as held:
            names = [name.removesuffix(".toml") for name in held.namelist() if name.endswith(".toml")]
    except (OSError, zipfile.BadZipFile):
        return None
    return next((name for name in names if f"{name}.html" not in {file.name for file in files}), None)


def write_all(files: list[File], folder: Path) -> list[Path]:
    """Write files into a folder, which is made where it is not there, and return their paths; raises `OutputError`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error("the folder", folder, error) from error
    for file in files:
        check_output(folder / file.name)
    return [file.write(folder) for file in files]


def _files(assignment: Assignment, text: bytes, difficulty: Difficulty) -> Iterator[File]:
    name, page = assignment.name, homework_page(assignment.public())
    yield File(f"{name}.html", page.encode(), "for students: the lab with the questions, in any browser")
    yield File("key.html", key.render(difficulty).encode(), "for you: what is right, and how hard it is")
    yield File(
        f"{name}-scorm.zip", scorm_zip(name, assignment.title, page), "the same page for Moodle and others (SCORM 1.2)"
    )
    yield File(AUTOGRADER, autograder_zip(name, text), "for Gradescope, as it is; it holds the key")
    yield File(f"{name}.ipynb", notebook(assignment).encode(), "the questions as a notebook, for nbgrader")
