"""Study designs: a file and Python say the same, every problem is listed at once, an identity belongs to its run alone."""

import json

import numpy as np
import pytest

import headlab as hl
from headlab.study.chunks import chunk_size
from headlab.study.design import TEMPLATE, Condition, StudyDesign

NOTEBOOK = hl.Corpus.notebook()


def written(tmp_path, text):
    path = tmp_path / "study.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_template_is_the_homeworks_second_item(tmp_path):
    design = StudyDesign.from_toml(written(tmp_path, TEMPLATE))
    assert [condition.name for condition in design.conditions] == ["d_head 10", "d_head 20", "d_head 40"]
    assert design.n_runs == 3000
    assert design.conditions[1].training == hl.TrainConfig()


def test_a_file_and_python_make_the_same_design(tmp_path):
    text = """
        title = "t"
        sentences = ["a b c", "d b e"]
        seeds = [3, 1, 2]
        keep = ["weights", "curves"]
        [model]
        n_heads = 2
        [training]
        learning_rate = 0.02
        steps = 100
        [grid]
        d_head = [5, 10]
        residual = [true, false]
        [[condition]]
        d_head = 80
        optimizer = "adam"
    """
    given = StudyDesign.from_toml(written(tmp_path, text))
    made = StudyDesign.grid(
        hl.Corpus.from_text("a b c\nd b e"),
        seeds=[3, 1, 2],
        model=hl.ModelConfig(n_heads=2),
        training=hl.TrainConfig.of(steps=100, learning_rate=0.02),
        conditions=[{"d_head": 80, "optimizer": "adam"}],
        keep=["weights", "curves"],
        title="t",
        d_head=[5, 10],
        residual=[True, False],
    )
    assert given.to_dict() == made.to_dict()
    assert len(given.conditions) == 5
    assert given.factors == ("d_head", "residual", "optimizer")


def test_schedules_are_conditions_too(tmp_path):
    text = 'seeds = "0:4"\n[grid]\nphases = [[{steps = 10}], [{steps = 5}, {steps = 50, plateau = {patience = 3}}]]\n'
    design = StudyDesign.from_toml(written(tmp_path, text))
    assert [condition.training.steps for condition in design.conditions] == [10, 55]
    assert design.conditions[1].training.phases[1].plateau.patience == 3


def test_every_problem_of_a_file_is_listed_at_once(tmp_path):
    text = """
        titel = "x"
        corpus = "missing.txt"
        seeds = 7
        keep = ["weight"]
        [model]
        d_heads = 3
        [grid]
        d_head = []
        learning = [2]
        init_scale = [-1]
        [[condition]]
        d_head = 0
    """
    with pytest.raises(hl.ConfigError) as error:
        StudyDesign.from_toml(written(tmp_path, text))
    for expected in (
        "did you mean title?",
        "missing.txt",
        "seeds must be a range",
        "got 'weight'",
        "did you mean d_head?",
        "d_head must be a list of at least one value, got []",
        "did you mean learning_rate?",
        "init_scale must be",
        "d_head must be a whole number",
    ):
        assert any(expected in problem for problem in error.value.problems), expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("seeds = ", "must be TOML"),
        ('seeds = "0:10"\n[grid]\nd_head = [10, 10, 20]\n', "“d_head 10” twice"),
        ('seeds = [1, 1]\n', "got 1 twice"),
        ('seeds = [-1]\n', "got -1"),
        ('seeds = "0:2000000"\n[grid]\nd_head = [1, 2, 3, 4, 5, 6]\n', "at most 10,000,000 runs"),
        (f'seeds = "0:9"\n[grid]\nd_head = {list(range(1, 2001))}\nn_heads = {list(range(1, 1001))}\n', "2,000,000"),
        ('seeds = "0:9"\nsentences = ["a b"]\ncorpus = "notebook"\n', "got both"),
        ('seeds = "0:9"\ngrid = 3\n', "grid must be a table"),
        ('seeds = "0:9"\n[grid]\nd_head = "10"\n', "must be a list"),
        ('seeds = "0:9"\n[grid]\nd_model = [9]\n', "d_model must equal d_vocab"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_answered_in_sentences(tmp_path, text, expected):
    with pytest.raises(hl.ConfigError, match=expected):
        StudyDesign.from_toml(written(tmp_path, text))


def test_a_design_survives_its_json():
    design = StudyDesign.grid(NOTEBOOK, seeds=[5, 6, 7, 9], d_head=[10, 20], optimizer=["sgd", "adam"])
    again = StudyDesign.from_dict(json.loads(json.dumps(design.to_dict())))
    assert again.to_dict() == design.to_dict()
    assert [item.name for item in again.conditions] == [item.name for item in design.conditions]
    assert again.seeds == (5, 6, 7, 9)


def test_an_identity_is_that_of_model_training_and_corpus_alone():
    small = StudyDesign.grid(NOTEBOOK, seeds=range(3), d_head=[10, 20])
    large = StudyDesign.grid(NOTEBOOK, seeds=range(9), keep=[], title="other", d_head=[5, 10, 20, 40])
    assert set(small.identities) < set(large.identities)
    other = hl.Corpus.from_text("a b c\nd b e")
    condition = Condition(hl.ModelConfig(), hl.TrainConfig())
    assert condition.identity(NOTEBOOK) != condition.identity(other)
    assert condition.identity(NOTEBOOK) != Condition(hl.ModelConfig(d_head=21), hl.TrainConfig()).identity(NOTEBOOK)


def test_numpy_numbers_are_welcome():
    design = StudyDesign.grid(NOTEBOOK, seeds=range(2), d_head=list(np.arange(10, 30, 10)))
    assert [condition.model.d_head for condition in design.conditions] == [10, 20]


def test_chunks_grow_with_the_study_so_that_files_stay_few():
    million = StudyDesign.grid(NOTEBOOK, seeds=range(500_000), d_head=[10, 20])
    size = chunk_size(million)
    assert size % 16 == 0
    assert million.n_runs / size <= 1001
