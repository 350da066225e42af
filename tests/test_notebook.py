"""The homework notebook runs from top to bottom, and shows what it showed when it was written."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[1] / "examples" / "homework.ipynb"


@pytest.mark.filterwarnings("ignore")
def test_homework_notebook_runs_and_answers():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    shown = [text_of(cell) for cell in notebook.cells]
    NotebookClient(notebook, timeout=120).execute()
    assert [text_of(cell) for cell in notebook.cells] == shown
    assert "100 at d_head 10, 20, 40" in shown[-1]


def text_of(cell):
    return "".join(output.get("data", {}).get("text/plain", "") for output in cell.get("outputs", []))
