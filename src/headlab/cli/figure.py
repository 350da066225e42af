"""A figure that a command was asked for: its file is tried before the work is done for it."""

from pathlib import Path
from typing import TYPE_CHECKING

from headlab.cli.terminal import output_path
from headlab.errors import OutputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIGURES = (".pdf", ".png", ".svg")


def figure_path(path: Path) -> Path:
    """Return a figure's path if it can be drawn there; raises `OutputError`."""
    if path.suffix.lower() not in FIGURES:
        raise OutputError(f"a figure must be one of {', '.join(FIGURES)}, got {str(path)!r}: name one")
    return output_path(path)


def write_figure(path: Path, figure: "Figure") -> None:
    """Write a figure as the kind of file that its path names; raises `OutputError`."""
    from headlab.files import write_output
    from headlab.report.figures.drawing import image

    write_output(path, image(figure, path.suffix.lower().removeprefix(".")))
