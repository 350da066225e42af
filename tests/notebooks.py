"""What shows notebooks, started for a test: JupyterLab, Notebook, marimo; and notebooks to show in them."""

import contextlib
import importlib.util
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

VIEWS = "import headlab as hl\nruns = hl.train(hl.Corpus.notebook(), seeds=range(4))\nruns.view(1)"


def needs(package: str) -> pytest.MarkDecorator:
    """Skip a test, with a word, where a package is not installed."""
    return pytest.mark.skipif(importlib.util.find_spec(package) is None, reason=f"{package} is not installed")


def write_notebook(path: Path, cells: Sequence[str]) -> Path:
    """Write a notebook of code cells that nobody has run."""
    import nbformat

    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)
    return path


def execute(path: Path) -> Path:
    """Run a notebook's cells, and keep their outputs in it."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, 4)
    NotebookClient(notebook, timeout=120).execute()
    nbformat.write(notebook, path)
    return path


@contextlib.contextmanager
def jupyter(app: str, folder: Path) -> Iterator[str]:
    """Serve a folder with JupyterLab (`lab`) or Notebook (`notebook`); yield its address."""
    port = _free_port()
    options = ["--no-browser", "--allow-root", f"--port={port}", "--ServerApp.token=", "--ServerApp.password="]
    options += [f"--ServerApp.root_dir={folder}", "--ServerApp.disable_check_xsrf=True", "--LabApp.news_url="]
    with _running([sys.executable, "-m", "jupyter", app, *options], folder, f"http://localhost:{port}/api"):
        yield f"http://localhost:{port}"


@contextlib.contextmanager
def marimo(path: Path) -> Iterator[str]:
    """Open a marimo notebook for editing; yield its address."""
    port = _free_port()
    options = ["edit", str(path), "--headless", "--no-token", "--port", str(port), "--skip-update-check"]
    with _running([sys.executable, "-m", "marimo", "-y", *options], path.parent, f"http://localhost:{port}/health"):
        yield f"http://localhost:{port}"


@contextlib.contextmanager
def _running(command: list[str], folder: Path, ready: str) -> Iterator[None]:
    environment = {**os.environ, "HOME": str(folder), "JUPYTER_PLATFORM_DIRS": "1"}
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            while process.poll() is None and not _answers(ready):
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(0.2)
            if process.poll() is not None:
                pytest.fail(f"{' '.join(command)} ended with status {process.returncode}")
            yield
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
