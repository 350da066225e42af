"""Dask: the same bytes as on one machine, whatever becomes of workers and scheduler in the meantime."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
from tiers import long, sized

import headlab as hl
from headlab import engine
from headlab.study import cluster
from headlab.study.design import StudyDesign
from headlab.study.study import COMPUTE, Study

NOTEBOOK = hl.Corpus.notebook()


class Cluster:
    """A scheduler and two workers as processes of their own, on loopback."""

    def __init__(self, folder, *worker_options, environments=({}, {})):
        self.folder, self.worker_options = folder, worker_options
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.scheduler = self.start_scheduler()
        self.workers = [self.start_worker(**environment) for environment in environments]

    def _start(self, *arguments, **environment):
        with (self.folder / "cluster.log").open("a") as log:
            return subprocess.Popen(
                [sys.executable, "-m", *arguments],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env={**os.environ, **environment},
                start_new_session=True,
            )

    def start_scheduler(self):
        return self._start(
            "distributed.cli.dask_scheduler", "--host=127.0.0.1", f"--port={self.port}", "--no-dashboard"
        )

    def start_worker(self, **environment):
        return self._start(
            "distributed.cli.dask_worker",
            self.address,
            "--nthreads=1",
            "--no-dashboard",
            "--death-timeout=60",
            *self.worker_options,
            **environment,
        )

    def close(self):
        for process in [*self.workers, self.scheduler]:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture
def dask(tmp_path):
    made = Cluster(tmp_path, "--no-nanny")
    yield made
    made.close()


def design(seeds=1024, steps=1500):
    return StudyDesign.grid(NOTEBOOK, seeds=range(seeds), training=hl.TrainConfig.of(steps=steps), d_head=[5, 10])


@pytest.fixture
def here(tmp_path):
    study = Study.create(tmp_path / "here", design())
    study.run()
    return study


def names(study):
    return [chunk.path.name for chunk in study.store.chunks()]


def same(study, here, tmp_path):
    exports = [item.export(tmp_path / f"{number}.csv").read_bytes() for number, item in enumerate((study, here))]
    return exports[0] == exports[1] and not study.table().duplicated(["condition", "seed"]).any()


def after(reports, act):
    """A listener to progress that acts when so many chunks have come back, and the study is not yet at its end."""
    heard = []

    def listen(share):
        heard.append(share)
        if len(heard) in reports:
            assert share < 1, "the study ended before it was disturbed"
            act()

    return listen


def kill(process, number=signal.SIGKILL):
    os.killpg(process.pid, number)
    if number == signal.SIGKILL:
        process.wait()


def test_two_workers_write_the_same_files_as_one_machine(dask, here, tmp_path):
    study = Study.create(tmp_path / "there", design())
    shares = []
    assert study.run(cluster=dask.address, progress=shares.append) == 2048
    assert names(study) == names(here)
    assert same(study, here, tmp_path)
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert study.run(cluster=dask.address) == 0


def test_workers_of_other_processors_are_welcome_and_write_the_same_files(here, tmp_path):
    widest, narrowest = engine.instruction_sets()[0], engine.instruction_sets()[-1]
    old = {"HEADLAB_INSTRUCTION_SET": narrowest, "OPENBLAS_CORETYPE": "Prescott"}  # as on a processor of 2006
    found = np.show_config("dicts")["SIMD Extensions"].get("found", [])
    old |= {"NPY_DISABLE_CPU_FEATURES": " ".join(found)} if found else {}
    new = {"HEADLAB_INSTRUCTION_SET": widest}
    dask = Cluster(tmp_path, "--no-nanny", environments=(old, new))
    try:
        study = Study.create(tmp_path / "there", design())
        assert study.run(cluster=dask.address) == 2048
    finally:
        dask.close()
    notes = [json.loads(path.read_text()) for path in (study.store.folder / "timings").rglob("*.json")]
    assert {note["instruction_set"] for note in notes} == {narrowest, widest}
    assert names(study) == names(here)
    assert same(study, here, tmp_path)


@pytest.mark.parametrize("steps", sized(2500, 6000))
def test_killed_workers_cost_only_the_chunks_in_their_hands(dask, tmp_path, steps):
    plan = design(seeds=2048, steps=steps)
    study = Study.create(tmp_path / "there", plan)

    def replace_a_worker():
        kill(dask.workers.pop(0))
        dask.workers.append(dask.start_worker())

    assert study.run(cluster=dask.address, progress=after({1, 5, 9}, replace_a_worker)) == 4096
    here = Study.create(tmp_path / "whole", plan)
    here.run()
    assert same(study, here, tmp_path)


def test_a_suspended_worker_is_worked_around(dask, here, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "SILENT_SECONDS", 2.0)
    study = Study.create(tmp_path / "there", design())
    suspend = after({2}, lambda: kill(dask.workers[0], signal.SIGSTOP))
    began = time.monotonic()
    assert study.run(cluster=dask.address, progress=suspend) == 2048
    assert time.monotonic() - began < 60
    assert same(study, here, tmp_path)


@long
def test_a_restarted_scheduler_loses_nothing(dask, tmp_path):
    plan = design(seeds=2048, steps=4000)
    study = Study.create(tmp_path / "there", plan)

    def restart():
        kill(dask.scheduler)
        dask.scheduler = dask.start_scheduler()
        dask.workers += [dask.start_worker() for _ in range(2)]

    assert study.run(cluster=dask.address, progress=after({3}, restart)) == 4096
    here = Study.create(tmp_path / "whole", plan)
    here.run()
    assert same(study, here, tmp_path)


@long
def test_a_run_that_kills_its_worker_is_reported_alone(tmp_path):
    (tmp_path / "poison.py").write_text(
        "import os\nimport headlab.runs.train as module\n"
        "real = vars(module).setdefault('real', module.train)\n"  # Dask may load this twice
        "def train(*arguments, seeds, **options):\n"
        "    if 13 in seeds:\n        os._exit(1)\n"
        "    return real(*arguments, seeds=seeds, **options)\n"
        "module.train = train\n"
    )
    dask = Cluster(tmp_path, "--preload", str(tmp_path / "poison.py"))
    try:
        plan = StudyDesign.grid(NOTEBOOK, seeds=range(32), training=hl.TrainConfig.of(steps=50))
        study = Study.create(tmp_path / "there", plan)
        assert study.run(cluster=dask.address) == 31
    finally:
        dask.close()
    status = Study(study.store.folder).status()
    assert [seed for _, seed in status.failed] == [13]
    assert status.runs == 31
    assert sorted(study.table()["seed"]) == [seed for seed in range(32) if seed != 13]
    assert Study(study.store.folder).run() == 1  # here it does no harm
    assert Study(study.store.folder).status().failed == ()


def test_a_worker_of_another_version_is_refused_with_the_reason(tmp_path):
    (tmp_path / "older.py").write_text("import headlab\nheadlab.__version__ = '0.0.1'\n")
    dask = Cluster(tmp_path, "--no-nanny", "--preload", str(tmp_path / "older.py"))
    try:
        study = Study.create(tmp_path / "there", design(seeds=4))
        with pytest.raises(hl.HeadlabError, match=r"headlab 0\.0\.1: install the same there"):
            study.run(cluster=dask.address)
    finally:
        dask.close()
    assert study.status().runs == 0


def test_a_cluster_that_does_not_answer_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1)
    study = Study.create(tmp_path / "there", design(seeds=4))
    with pytest.raises(hl.HeadlabError, match="does not"):
        study.run(cluster="tcp://127.0.0.1:9")
    assert not study.store.is_running()


def test_a_cluster_that_lost_all_its_workers_is_said(dask, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "RECONNECT_SECONDS", 1)
    study = Study.create(tmp_path / "there", design(seeds=2048))

    def kill_all():
        for worker in dask.workers:
            kill(worker)

    with pytest.raises(hl.HeadlabError, match="has lost them all"):
        study.run(cluster=dask.address, progress=after({2}, kill_all))


def test_what_workers_are_compared_by_is_the_same_on_every_processor_and_other_where_another_weight_comes_out(
    monkeypatch,
):
    found = set()
    for name in engine.instruction_sets():
        monkeypatch.setenv("HEADLAB_INSTRUCTION_SET", name)
        found.add(tuple(cluster.passport(COMPUTE).items()))
    assert len(found) == 1

    def wrong(*arguments, **options):
        result = COMPUTE(*arguments, **options)
        result.arrays["W_V"][3, 0, 0, 0] = np.nextafter(result.arrays["W_V"][3, 0, 0, 0], np.float32(1))
        return result

    ours, theirs = cluster.passport(COMPUTE), cluster.passport(wrong)
    assert {name for name in ours if ours[name] != theirs[name]} == {"training"}


def test_a_worker_that_goes_while_it_is_asked_who_it_is_stops_nothing_and_a_strange_one_does(tmp_path):
    from distributed.comm.core import CommClosedError

    class Client:
        def __init__(self, other):
            self.other = other

        def scheduler_info(self, n_workers):
            return {"workers": {"tcp://a": {}, "tcp://b": {}}}

        def run(self, function, *arguments, on_error):
            assert on_error == "return"
            return {"tcp://a": function(*arguments), "tcp://b": self.other}

    driver = cluster._Driver(Study.create(tmp_path / "study", design()).store, "tcp://c", COMPUTE, None)
    for gone in (CommClosedError("closed"), ConnectionResetError("reset"), TimeoutError("late")):
        driver.client = Client(gone)
        driver._refuse_strangers()
    strange = {**cluster.passport(COMPUTE), "numpy": "1.0"}
    broken = {**cluster.passport(COMPUTE), "training": "0" * 64}
    for other, said in (
        (strange, "tcp://b has numpy 1.0: install the same there"),
        (broken, "whatever its processor, and tcp://b trains others"),
        (ModuleNotFoundError("x", name="headlab"), "no headlab"),
    ):
        driver.client = Client(other)
        with pytest.raises(hl.HeadlabError, match=said):
            driver._refuse_strangers()
    driver.client = Client(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        driver._refuse_strangers()
