"""headlab where nothing is that only Unix has: `elsewhere/` hides it from headlab's modules, and the suite's core runs there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tiers import long, sized

from headlab.engine.backend import _missing

TESTS = Path(__file__).parent
CORE = (
    "locks",
    "runs_file",
    "files",
    "store",
    "store_folder",
    "study",
    "cli_study",
    "cli_study_more",
    "cli_explain",
    "cli",
    "exercise",
)
CORE += (
    "lab",
    "cluster",
    "resume",
    "old_studies",
    "study_in_memory",
    "study_datasets",
    "engine_training",
    "explanation",
    "notebook",
)
SAMPLE = (
    "test_locks.py",
    "test_files.py::test_a_file_that_somebody_reads_is_replaced_in_the_end",
    "test_runs_file.py::test_saving_over_runs_leaves_the_new_ones_alone",
    "test_runs_file.py::test_two_that_save_into_one_folder_leave_the_runs_of_one",
    "test_store.py::test_a_termination_signal_keeps_what_was_finished",
    "test_store.py::test_one_process_holds_a_study_and_another_may_help",
    "test_store_folder.py::test_one_bad_chunk_is_set_aside_named_and_trained_again[a folder]",
    "test_store_folder.py::test_a_folders_name_changes_nothing[[x]]",
    "test_store_folder.py::test_a_link_inside_is_not_followed",
    "test_store_folder.py::test_a_lock_that_is_no_file_is_refused_and_holds_nobody_up",
    "test_store_folder.py::test_a_folder_that_goes_away_while_it_runs_is_noticed[False-moved-renamed]",
    "test_cli_study.py::test_a_study_runs_answers_and_goes_on",
    "test_cli_explain.py::test_one_seed_is_explained_as_in_python",
)


def there(command, **more):
    """Run Python where nothing is that only Unix has."""
    path = os.pathsep.join([str(TESTS / "elsewhere"), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", **more.pop("environment", {})}
    return subprocess.run([sys.executable, *command], env=environment, capture_output=True, check=False, **more)


@pytest.mark.parametrize("which", sized(SAMPLE, tuple(f"test_{name}.py" for name in CORE)))
def test_the_core_of_the_suite_runs_where_nothing_is_that_only_unix_has(which):
    command = [
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-m",
        "not long and not unix",
        *(str(TESTS / name) for name in which),
    ]
    done = there(command, cwd=TESTS.parent, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > len(which)


HIDDEN = """
import errno, os, signal, tempfile
from pathlib import Path

def refused(act, *kinds):
    try:
        act()
    except kinds:
        return True
    return False

for name in ("fcntl", "resource", "pwd", "termios"):
    assert refused(lambda: __import__(name, globals()), ModuleNotFoundError), name
for name in ("O_NOFOLLOW", "O_DIRECTORY", "fork", "fchmod", "geteuid", "nice", "sched_getaffinity", "pwrite", "mkfifo"):
    assert not hasattr(os, name), name
assert not hasattr(signal, "SIGKILL") and hasattr(signal, "SIGTERM")
folder = Path(tempfile.mkdtemp())
file, other = folder / "file", folder / "other"
file.write_bytes(b"1")
other.write_bytes(b"2")
assert refused(lambda: os.open(folder, os.O_RDONLY | os.O_BINARY), PermissionError)
assert refused(lambda: os.open(file, os.O_RDONLY), AssertionError)
assert refused(lambda: (folder / "link").symlink_to(file), OSError)
assert refused(file.read_text, AssertionError) and refused(lambda: open(file), AssertionError)
assert refused(lambda: (folder / "a:b").mkdir(), OSError) and refused(lambda: other.rename(folder / "con.txt"), OSError)
with file.open("rb"):
    assert refused(file.unlink, PermissionError) and refused(lambda: other.replace(file), PermissionError)
    assert refused(lambda: folder.rename(folder.with_name("moved")), PermissionError)
from filelock import lock_descriptor
handle = os.open(file, os.O_RDWR | os.O_BINARY)
assert lock_descriptor(handle)
reader = os.open(file, os.O_RDONLY | os.O_BINARY)
assert refused(lambda: os.read(reader, 1), PermissionError)
os.lseek(reader, 1, os.SEEK_SET)
assert os.read(reader, 1) == b""
os.close(handle)
os.lseek(reader, 0, os.SEEK_SET)
assert os.read(reader, 1) == b"1"
os.close(reader)
import multiprocessing
assert multiprocessing.get_all_start_methods() == ["spawn"]
"""


def test_headlab_sees_nothing_there_that_only_unix_has_and_others_see_all(tmp_path):
    text = "import os, fcntl; assert os.O_NOFOLLOW; exec(open('hidden', encoding='utf-8').read(), {'__name__': 'headlab.hidden'})"
    (tmp_path / "hidden").write_text(HIDDEN, encoding="utf-8")
    done = there(["-c", text], cwd=tmp_path, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("backend", [pytest.param("native", marks=long), "wasm"])
def test_a_console_with_few_letters_gets_words_and_the_page_all_of_them_on_both_backends(tmp_path, backend):
    if missing := _missing(backend):
        pytest.skip(missing)
    (tmp_path / "sätze.txt").write_text("mañana läuft → heute\n今日 läuft → jetzt\n", encoding="utf-8")
    command = [
        "-m",
        "headlab",
        "exercise",
        "sätze.txt",
        "--runs",
        "2",
        "--head-sizes",
        "5",
        "--steps",
        "3",
        "-o",
        "seite.html",
    ]
    environment = {"PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0", "HEADLAB_BACKEND": backend}
    done = there(command, cwd=tmp_path, environment=environment)
    assert (done.returncode, done.stderr) == (0, b"")
    assert "mañana" in done.stdout.decode("cp1252")
    assert "今日" in (tmp_path / "seite.html").read_text(encoding="utf-8")
