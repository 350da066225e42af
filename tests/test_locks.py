"""Locks end with their process, are signed where everybody can read, and are those of headlabs before filelock."""

import fcntl
import os
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager

import filelock
import pytest

import headlab as hl
from headlab import locks
from headlab.files import NoPlainFile
from headlab.locks import hold, hold_folder, holder, is_held
from headlab.study.folder import Folder
from headlab.study.study import Study

HOLD = """
import sys, time
from pathlib import Path
from headlab.locks import {0}

with {0}(Path(sys.argv[1])):
    print(1, flush=True)
    time.sleep(60)
"""


@contextmanager
def another(path, how="hold"):
    """Another process that holds a lock, until it is killed."""
    command = [sys.executable, "-c", HOLD.format(how), str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"1\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def is_free(path):
    with hold(path) as free:
        return free


@contextmanager
def as_before(path, mode=fcntl.LOCK_EX):
    """What headlabs before filelock did with a lock."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(handle, mode | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


def test_a_killed_process_holds_nothing_and_was_named_while_it_did(tmp_path):
    path = tmp_path / "lock"
    with another(path) as process:
        assert (is_free(path), is_held(path)) == (False, True)
        assert holder(path).startswith(f"process {process.pid} on ")
        process.kill()
        process.wait()
        assert (is_held(path), is_free(path)) == (False, True)


def test_older_headlabs_and_this_one_exclude_each_other_and_read_each_others_signatures(tmp_path):
    path = tmp_path / "lock"
    signed = '{"pid": 7, "host": "here", "since": "2026-01-01 00:00:00"}'
    path.write_text(signed)
    with as_before(path):
        assert (is_free(path), is_held(path)) == (False, True)
        assert holder(path) == "process 7 on here, since 2026-01-01 00:00:00"
    with hold(path) as free:
        assert free
        assert path.read_text().startswith(f'{{"pid": {os.getpid()}, "host": ')  # JSON from the first byte on
        with pytest.raises(BlockingIOError), as_before(path):
            pass


def test_a_signature_is_there_without_the_byte_that_is_locked(tmp_path):
    path = tmp_path / "lock"
    with hold(path):
        said = holder(path)
        path.write_bytes(b"?" + path.read_bytes()[1:])
        assert holder(path) == said == holder(path)


def test_a_longer_signature_leaves_nothing_behind(tmp_path):
    path = tmp_path / "lock"
    path.write_text('{"pid": 7, "host": "' + "h" * 999 + '", "since": "s"}')
    with hold(path):
        assert holder(path).startswith(f"process {os.getpid()} on ")


def test_those_who_only_look_are_taken_for_nobody(tmp_path):
    path, until = tmp_path / "lock", time.monotonic() + 0.3
    path.touch()

    def repeat(act, found):
        while time.monotonic() < until:
            found.append(act(path))

    def beside(*acts):
        found = [[] for _ in acts]
        threads = [threading.Thread(target=repeat, args=pair) for pair in zip(acts, found, strict=True)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return found

    assert not any(map(any, beside(is_held, is_held)))
    until = time.monotonic() + 0.3
    assert all(beside(is_free, is_held)[0])


@pytest.mark.parametrize("kind", ["link", "dangling link", "folder", "pipe", "device"])
def test_what_is_no_file_is_refused_not_followed_and_not_waited_for(tmp_path, kind):
    path, outside = tmp_path / "lock", tmp_path / "outside"
    if kind == "device":
        path = path.__class__("/dev/null")
    elif kind == "link":
        outside.write_text("mine")
        path.symlink_to(outside)
    else:
        {"dangling link": lambda: path.symlink_to(outside), "folder": path.mkdir, "pipe": lambda: os.mkfifo(path)}[
            kind
        ]()
    with pytest.raises(NoPlainFile):
        is_free(path)
    assert (is_held(path), holder(path)) == (False, "another process")
    assert outside.exists() == (kind == "link")
    assert kind != "link" or outside.read_text() == "mine"


@pytest.mark.parametrize("number", [38, 37, 95])  # ENOSYS, ENOLCK, EOPNOTSUPP
def test_a_disk_without_locks_is_refused_in_a_sentence_and_saved_runs_do_without(tmp_path, monkeypatch, number):
    def lack(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(filelock, "lock_descriptor", lack)
    (tmp_path / "study").mkdir()
    with pytest.raises(hl.StudyError, match=r"must be on a file system with locks, got .*: choose a local disk"):
        Folder(tmp_path / "study").lock().__enter__()
    assert not is_held(tmp_path / "study" / "lock")
    with hold_folder(tmp_path / "study"):
        pass


@pytest.mark.parametrize(
    "opens", [pytest.param(True, marks=pytest.mark.unix), False], ids=["folders open", "folders do not"]
)
def test_who_wants_a_folder_that_is_held_waits(tmp_path, monkeypatch, opens):
    monkeypatch.setattr(locks, "FOLDERS_OPEN", opens)
    ended = []

    def wait():
        with hold_folder(tmp_path):
            ended.append(time.monotonic())

    with hold_folder(tmp_path):
        thread = threading.Thread(target=wait)
        thread.start()
        thread.join(0.1)
        assert thread.is_alive()
        left = time.monotonic()
    thread.join(5)
    assert ended[0] >= left
    assert [path.name for path in tmp_path.iterdir()] == ([] if opens else ["lock"])


@pytest.mark.unix
def test_a_held_folder_is_the_one_that_older_headlabs_hold(tmp_path):
    with ExitStack() as stack:
        handle = os.open(tmp_path, os.O_RDONLY)
        stack.callback(os.close, handle)
        with another(tmp_path, "hold_folder"), pytest.raises(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_study_that_may_only_be_read_says_whether_it_runs(tmp_path):
    path = tmp_path / "lock"
    path.touch(0o444)
    assert not is_held(path)
    with another(tmp_path / "lock") if os.geteuid() == 0 else as_before(path):
        assert is_held(path)


def test_a_study_in_a_process_that_is_killed_is_free(tmp_path):
    from headlab.study.design import StudyDesign

    plan = StudyDesign.grid(
        hl.Corpus.from_text("a b c"), seeds=range(3), training=hl.TrainConfig.of(steps=3), d_head=[2]
    )
    study = Study.create(tmp_path / "study", plan)
    with another(tmp_path / "study" / "lock") as process:
        assert study.status().running.startswith(f"process {process.pid} on ")
        with pytest.raises(
            hl.HeadlabError, match=f"process {process.pid} on .* is running it: wait, or help it with --join"
        ):
            study.run()
    assert study.status().running is None
    assert study.run() == 3
