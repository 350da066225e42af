"""The kernel's threads: whatever ends while they work, the process ends as Python would, and never by an abort.

Every case is a process of its own with bounded memory, because what is tested is how that process ends.
"""

import os
import subprocess
import sys

import pytest

ON_BOTH_BACKENDS = True
LONG_ON_WASM = {
    "test_process_ends_quietly_while_a_daemon_thread_trains",
    "test_threads_that_cannot_be_had_are_done_without",
    "test_thousand_threads_train_what_one_does",
    "test_interrupt_of_a_join_ends_the_process_as_python_does",
    "test_exit_in_another_thread_leaves_a_training_alone",
}

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits and signals are tested where CI runs")

PREPARE = """
import _thread, os, resource, signal, sys, threading, time
import numpy as np
import headlab as hl
from headlab import engine
engine.trainer.default_threads = lambda: 1000  # as on a machine with so many processors
corpus, started = hl.Corpus.notebook(), threading.Event()

def long(seeds=64, threads=2, progress=lambda share: started.set()):
    training = hl.TrainConfig.of(steps=10**8)
    hl.train(corpus, training=training, seeds=range(seeds), record="none", snapshots=None, threads=threads, progress=progress)

def background(daemon=True, work=long):
    thread = threading.Thread(target=work, daemon=daemon)
    thread.start()
    started.wait()
    return thread

def short(seeds, threads):
    training = hl.TrainConfig.of(steps=30)
    return hl.train(corpus, training=training, seeds=range(seeds), record="none", snapshots=None, threads=threads)
"""


def outcome(script: str) -> tuple[int, str, str]:
    """Return exit status, stdout and stderr of a script, which may take 2 GiB and 60 seconds."""
    limits = "import resource\nresource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))\n"
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", limits + PREPARE + script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)
    return done.returncode, done.stdout, done.stderr


ENDS = {
    "the main thread ends": "background()",
    "the main thread exits with a status": "background(); sys.exit(7)",
    "the main thread raises": "background(); raise SystemExit('enough')",
    "several train": """
for _ in range(3):  # each of them trains: one that is still in NumPy's np.unique when the process ends would abort it
    trains = threading.Event()
    threading.Thread(target=long, kwargs={"progress": lambda share, trains=trains: trains.set()}, daemon=True).start()
    trains.wait()
""",
    "a finalizer runs late": "background(); import atexit; atexit.register(lambda: print('bye', flush=True))",
    "one thread": "background(work=lambda: long(threads=1))",
    "nobody asks for progress": "background(work=lambda: (started.set(), long(progress=None))); time.sleep(0.05)",
    "progress takes long": "background(work=lambda: long(progress=lambda share: (started.set(), time.sleep(0.01))))",
    "progress writes": "background(work=lambda: long(progress=lambda share: (started.set(), sys.stderr.flush())))",
}
STATUS = {"the main thread exits with a status": 7, "the main thread raises": 1}


@pytest.mark.parametrize("name", ENDS)
def test_process_ends_quietly_while_a_daemon_thread_trains(name):
    status, out, err = outcome(ENDS[name])
    assert (status, out) == (STATUS.get(name, 0), "bye\n" if "late" in name else "")
    assert err == ("enough\n" if "raises" in name else "")


def test_interrupt_of_a_join_ends_the_process_as_python_does():
    script = """
thread = background()
threading.Thread(target=lambda: os.kill(os.getpid(), signal.SIGINT), daemon=True).start()
thread.join()
"""
    status, _, err = outcome(script)
    assert status == -2  # by SIGINT, as every Python program that does not catch it
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert "terminate" not in err


def test_interrupt_of_a_training_ends_it_with_what_was_finished():
    script = """
threading.Thread(target=lambda: (started.wait(), os.kill(os.getpid(), signal.SIGINT)), daemon=True).start()
try:
    long()
except hl.TrainingInterrupted as error:
    print(len(error.runs), error)
"""
    assert outcome(script) == (0, "0 interrupted: 0 of 64 runs had ended and are kept\n", "")


def test_exit_in_another_thread_leaves_a_training_alone():
    script = """
threading.Thread(target=sys.exit, args=(3,)).start()
print(len(short(40, 2)))
"""
    assert outcome(script) == (0, "40\n", "")


def test_failing_progress_ends_the_training_with_its_exception():
    script = """
def progress(share):
    raise OSError("the terminal is gone")
try:
    long(progress=progress)
except OSError as error:
    print(error, threading.active_count())
"""
    assert outcome(script) == (0, "the terminal is gone 1\n", "")


def test_fork_in_the_middle_of_a_training_ends_by_itself():
    script = """
def progress(share):
    child = os.fork()
    if child == 0:
        sys.exit(5)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    raise KeyError("done")
try:
    long(progress=progress)
except KeyError:
    pass
"""
    assert outcome(script) == (0, "5\n", "")


SOMEBODY = "os.getuid() or os.setuid(20_000 + os.getpid() % 40_000)"  # who has no other process, nor root's rights
LIMITS = {
    "no room for stacks": "resource.setrlimit(resource.RLIMIT_AS, (mapped() + (96 << 20),) * 2)",
    "no room for one": "resource.setrlimit(resource.RLIMIT_AS, (mapped() + (6 << 20),) * 2)",
    "few processes": f"{SOMEBODY}; resource.setrlimit(resource.RLIMIT_NPROC, (6, 6))",
    "no further process": f"{SOMEBODY}; resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))",
}


@pytest.mark.parametrize("name", LIMITS)
def test_threads_that_cannot_be_had_are_done_without(name):
    script = f"""
def mapped():
    return int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
expected = short(160, 1)
{LIMITS[name]}
some = short(160, 1000)
print(np.array_equal(some.params.flat(), expected.params.flat()), some.finished.all(), threading.active_count())
"""
    assert outcome(script) == (0, "True True 1\n", "")


def test_thousand_threads_train_what_one_does():
    script = "print(np.array_equal(short(16000, 1000).params.flat(), short(16000, 1).params.flat()))"
    assert outcome(script) == (0, "True\n", "")


def test_memory_that_cannot_be_had_is_an_exception():
    script = """
model, training = hl.ModelConfig(n_layers=1024, n_heads=32), hl.TrainConfig.of(steps=1)
problem = engine.Job(corpus.tokens, corpus.targets, 7, model, training)
weights = np.zeros((1, problem.shape.n_weights), np.float32)
try:
    engine.train_flat(problem, weights)
except MemoryError:
    print("MemoryError", threading.active_count())
"""
    limited = "resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20))\n"
    assert outcome(limited + script) == (0, "MemoryError 1\n", "")
