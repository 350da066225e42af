"""A study against a model of it: whatever is done to it in whatever order, it holds what it must hold, and nothing else."""

import random
import shutil
import tempfile
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tiers import long

import headlab as hl
from headlab.study.design import StudyDesign
from headlab.study.study import Study
from headlab.study.work import pending_tasks

PLAIN = hl.Corpus.from_text("a b c")  # nothing to explain: the store is what is tried
TINY = hl.TrainConfig.of(steps=3)


class Stopped(Exception):
    """What a caller's progress function may raise."""


def design(seeds, sizes):
    return StudyDesign.grid(PLAIN, seeds=range(seeds), training=TINY, d_head=sizes)


class DisturbedStudy(RuleBasedStateMachine):
    """Runs, interruptions, damage, leftovers and extensions in any order."""

    @initialize()
    def begin(self):
        self.folder = Path(tempfile.mkdtemp())
        self.seeds, self.sizes = 300, [2]
        self.study = Study.create(self.folder / "study", design(300, [2]))

    def teardown(self):
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder)

    @rule(threads=st.sampled_from([1, 2]))
    def run_to_the_end(self, threads):
        missing = sum(len(task.seeds) for task in pending_tasks(self.study.store))
        assert self.study.run(threads=threads) == missing
        assert pending_tasks(self.study.store) == []

    @rule(calls=st.integers(0, 4))
    def run_and_stop_in_between(self, calls):
        left = [calls]

        def progress(done):
            left[0] -= 1
            if left[0] < 0:
                raise Stopped

        try:
            self.study.run(threads=1, progress=progress)
        except Stopped:
            assert not self.study.store.is_running()

    @rule(more=st.sampled_from([100, 300]))
    def add_seeds(self, more):
        self.seeds += more
        self.study.extend(seeds=range(self.seeds))

    @precondition(lambda self: len(self.sizes) < 3)
    @rule()
    def add_a_condition(self):
        self.sizes.append(self.sizes[-1] + 1)
        self.study.extend(design=design(self.seeds, self.sizes))

    @rule(kind=st.sampled_from(["parquet", "safetensors"]), seed=st.integers(0, 99), cut=st.booleans())
    def damage_a_file(self, kind, seed, cut):
        files = sorted(self.study.store.folder.glob(f"*/*/*.{kind}"))
        if files:
            rng = random.Random(seed)
            path = rng.choice(files)
            data = bytearray(path.read_bytes())
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
            path.write_bytes(data[: rng.randrange(len(data))] if cut else data)

    @rule()
    def leave_a_torn_file_and_clean_up(self):
        left = self.study.store.folder / "runs" / "00000007-1.part"
        left.parent.mkdir(exist_ok=True)
        left.write_bytes(b"torn")
        assert left in self.study.collect_garbage()

    @rule()
    def open_it_anew(self):
        self.study = Study(self.study.store.folder)

    @invariant()
    def its_rows_are_those_of_its_design_each_once(self):
        if hasattr(self, "study"):
            table = self.study.table("condition, seed")
            assert not table.duplicated().any()
            assert set(table["condition"]) <= set(self.study.design.identities)
            assert table["seed"].max() < self.seeds if len(table) else True
            assert self.study.design.n_runs == self.seeds * len(self.sizes)

    @rule()
    def finish_and_compare_with_an_unbroken_study(self):
        self.study.run()
        whole = Study.create(self.folder / "whole", design(self.seeds, self.sizes))
        whole.run()
        exports = [item.export(self.folder / "export.csv").read_bytes() for item in (self.study, whole)]
        shutil.rmtree(whole.store.folder)
        assert exports[0] == exports[1]
        for size in self.sizes:
            assert len(self.study.runs(self.sizes.index(size))) == self.seeds


class TestDisturbedStudy(DisturbedStudy.TestCase):
    settings = settings(max_examples=3, stateful_step_count=12, deadline=None)


@long
class TestDisturbedStudyAtLength(DisturbedStudy.TestCase):
    settings = settings(max_examples=40, stateful_step_count=16, deadline=None)
