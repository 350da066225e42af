"""A study in memory is a study: trained by the same path, asked the same questions, with the same answers to the digit."""

import signal

import numpy as np
import pandas as pd
import pytest

import headlab as hl
from headlab.study.execution import StudyInterrupted
from headlab.study.memory import BLOCK
from headlab.study.work import pending_tasks

SHORT = hl.TrainConfig.of(steps=60)


def design(seeds=range(70), **options):
    options = {"training": SHORT, "d_head": [2, 20], "keep": ["weights", "curves"], **options}
    return hl.StudyDesign.grid(seeds=seeds, **options)


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    studies = hl.Study.in_memory(design()), hl.Study.create(tmp_path_factory.mktemp("s") / "study", design())
    assert [study.run() for study in studies] == [140, 140]
    return studies


def test_its_tables_answers_and_models_are_those_of_a_folder(both, tmp_path):
    memory, folder = both
    pd.testing.assert_frame_equal(memory.table(), folder.table())
    assert memory.answer().sentences() == folder.answer().sentences()
    assert memory.answer().how_sure() == folder.answer().how_sure()
    pd.testing.assert_frame_equal(memory.answer().census(), folder.answer().census())
    pd.testing.assert_frame_equal(memory.answer().medians(), folder.answer().medians())
    pd.testing.assert_frame_equal(memory.curves(), folder.curves())
    for condition in range(2):
        np.testing.assert_array_equal(memory.runs(condition).params.W_Q, folder.runs(condition).params.W_Q)
        np.testing.assert_array_equal(memory.runs(condition).loss, folder.runs(condition).loss)
    query = "select d_head, count(*) as n from runs join conditions using (condition) group by all order by all"
    pd.testing.assert_frame_equal(memory.sql(query), folder.sql(query))
    exports = [study.export(tmp_path / f"{number}.csv").read_bytes() for number, study in enumerate(both)]
    assert exports[0] == exports[1]
    assert (memory.status().runs, memory.status().to_train, memory.run()) == (140, 0, 0)


def test_chunks_are_small_so_that_all_processors_end_together():
    tasks = pending_tasks(hl.Study.in_memory(design()).store)
    assert max(len(task.seeds) for task in tasks) == BLOCK
    large = hl.Study.in_memory(design(seeds=range(1_000_000))).store
    assert large.design.n_runs / large.block_size <= 1001


def test_it_can_be_extended_renamed_and_cut_down():
    study = hl.Study.in_memory(design(seeds=range(5)))
    study.run()
    study.extend(seeds=range(8))
    study.rename("other")
    assert (study.run(), study.design.title) == (6, "other")
    assert study.drop("d_head 2") == ("d_head 2",)
    assert study.answer().groups[0].rate.n == study.status().runs == 8
    assert len(study.collect_garbage(dropped=True)) == 2
    study.extend(design=design(seeds=range(8), keep=["weights", "snapshots"]))
    assert study.run() == 16
    assert study.runs(0).snapshots.shape[0] == 8
    with pytest.raises(hl.StudyError, match="must keep every condition"):
        study.extend(design=design(seeds=range(3)))


def test_a_study_without_runs_says_so():
    study = hl.Study.in_memory(design())
    assert (len(study.table()), study.status().runs, study.status().running) == (0, 0, None)
    with pytest.raises(hl.StudyError, match="must have finished runs"):
        study.answer()
    with pytest.raises(hl.StudyError, match="must be in a folder to have one"):
        _ = study.folder
    with pytest.raises(hl.StudyError, match="must have a folder to be trained on a cluster"):
        study.run(cluster="tcp://127.0.0.1:1")


def test_mechanisms_are_left_out_where_they_are_not_asked_for(both):
    study = hl.Study.in_memory(design(), explains=False)
    study.run()
    assert study.answer().census().empty
    assert study.answer().sentences() == both[0].answer().sentences()


def test_it_can_be_interrupted_and_goes_on():
    study = hl.Study.in_memory(design(seeds=range(40)))

    def stop(done):
        if study.store.sound_chunks():
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(StudyInterrupted, match=r"^interrupted: \d+ runs were finished$"):
        study.run(threads=1, progress=stop)
    finished = study.status().runs
    assert 0 < finished < 80
    assert study.run() == 80 - finished
    assert not study.table().duplicated(["condition", "seed"]).any()


def test_progress_is_told_as_a_share_that_grows():
    told = []
    hl.Study.in_memory(design(seeds=range(40), training=hl.TrainConfig.of(steps=300))).run(progress=told.append)
    assert told == sorted(told)
    assert 0 <= told[0] < told[-1] == 1
