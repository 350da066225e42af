"""Study designs: a file and Python say the same, every problem is listed at once, an identity belongs to its run alone."""

import json
import re
import tomllib
from dataclasses import replace

import numpy as np
import pytest

import headlab as hl
from headlab.data.dataset import Dataset
from headlab.study.blocks import block_size
from headlab.study.conditions import Condition
from headlab.study.design import StudyDesign
from headlab.study.study import Study
from headlab.study.study_file import template

NOTEBOOK = hl.Corpus.notebook()


def written(tmp_path, text):
    path = tmp_path / "study.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_template_is_the_homeworks_second_item(tmp_path):
    design = StudyDesign.from_toml(written(tmp_path, template()))
    assert [condition.name for condition in design.conditions] == ["d_head 10", "d_head 20", "d_head 40"]
    assert design.n_runs == 3000
    assert design.conditions[1].training == hl.TrainConfig()


def test_every_field_stands_in_the_template_with_its_default():
    for name, record in (("model", hl.ModelConfig), ("training", hl.TrainConfig)):
        lines = template().split(f"[{name}]")[1].split("\n[")[0].split("\n")
        said = tomllib.loads("\n".join(line[2:] for line in lines if re.match(r"# \w+ = [^ #]", line)))
        assert said == {row.name: row.default for row in record.table() if row.default is not None}
        assert all(any(line.startswith(f"# {row.name} = ") for line in lines) for row in record.table())


def test_a_schedule_is_a_factor_and_steps_alone_are_at_a_constant_rate(tmp_path):
    text = 'seeds = "0:4"\n[training]\nsteps = 100\n[grid]\nschedule = ["plateau", "constant"]\n[[condition]]\nsteps = 30\n'
    design = StudyDesign.from_toml(written(tmp_path, text))
    expected = [
        hl.TrainConfig.of(steps=100, schedule="plateau"),
        hl.TrainConfig.of(steps=100),
        hl.TrainConfig.of(steps=30),
    ]
    assert [condition.training for condition in design.conditions] == expected
    assert design.conditions[0].name == "steps 100, schedule plateau"
    assert StudyDesign.from_toml(written(tmp_path, design.to_toml())).to_dict() == design.to_dict()
    again = StudyDesign.grid(NOTEBOOK, seeds=[1], training=expected[1], schedule=["plateau", "constant"])
    assert [condition.training for condition in again.conditions] == expected[:2]
    with pytest.raises(hl.ConfigError, match="either phases or steps and a schedule"):
        StudyDesign.grid(NOTEBOOK, seeds=[1], phases=[[{"steps": 5}]], steps=[5])


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
        assert any(expected in str(problem) for problem in error.value.problems), expected


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
    condition = Condition(Dataset(NOTEBOOK), hl.ModelConfig(), hl.TrainConfig())
    assert condition.identity != replace(condition, dataset=Dataset(other)).identity
    assert condition.identity != replace(condition, model=hl.ModelConfig(d_head=21)).identity


def test_numpy_numbers_are_welcome():
    design = StudyDesign.grid(NOTEBOOK, seeds=range(2), d_head=list(np.arange(10, 30, 10)))
    assert [condition.model.d_head for condition in design.conditions] == [10, 20]


def test_chunks_grow_with_the_study_so_that_files_stay_few():
    million = StudyDesign.grid(NOTEBOOK, seeds=range(500_000), d_head=[10, 20])
    size = block_size(million)
    assert size % 16 == 0
    assert million.n_runs / size <= 1001


ARRAYS = {
    "seeds": (np.arange(4), [0, 1, 2, 3]),
    "d_head": (np.arange(10, 50, 10), [10, 20, 30, 40]),
    "n_heads": (range(1, 3), [1, 2]),
    "residual": (np.array([True, False]), [True, False]),
    "init_scale": ((n / 2 for n in (1, 2)), [0.5, 1.0]),
    "learning_rate": (np.array([0.5, 0.25], np.float32), [0.5, 0.25]),
    "optimizer": (np.array(["sgd", "adam"]), ["sgd", "adam"]),
    "steps": (np.array([5, 6], np.uint8), [5, 6]),
    "phases": (([{"steps": n}] for n in np.arange(5, 7)), [[{"steps": 5}], [{"steps": 6}]]),
    "dtype": (("float32", "float64"), ["float32", "float64"]),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_ranges_and_generators_are_values_like_others(name):
    given, plain = ARRAYS[name]
    made, expected = (StudyDesign.grid(NOTEBOOK, **{"seeds": [1], name: values}) for values in (given, plain))
    assert json.dumps(made.to_dict()) == json.dumps(expected.to_dict())
    assert list(made.identities) == list(expected.identities)
    assert [item.name for item in made.conditions] == [item.name for item in expected.conditions]


def test_numpys_values_are_welcome_in_every_field_of_a_condition():
    plain = {"d_head": 5, "residual": False, "learning_rate": 0.5, "steps": 7, "optimizer": "adam", "d_model": 7}
    scalars = {name: np.array([value])[0] for name, value in plain.items()}
    made, expected = (StudyDesign.grid(NOTEBOOK, seeds=range(2), conditions=[item]) for item in (scalars, plain))
    assert json.dumps(made.to_dict()) == json.dumps(expected.to_dict())
    assert list(made.identities) == list(expected.identities)


@pytest.mark.parametrize("seeds", [np.uint64(7), 7, "7", [7], np.array([7], np.int8), (n for n in [7])])
def test_seeds_come_in_every_form(seeds):
    assert StudyDesign.grid(NOTEBOOK, seeds=seeds).seeds == (7,)


@pytest.mark.parametrize("values", ["10", b"10", {}, {10}, np.array(10), [], 10, None])
def test_what_is_no_list_of_values_is_refused(values):
    with pytest.raises(hl.ConfigError, match="the grid's d_head must be a list of at least one value"):
        StudyDesign.grid(NOTEBOOK, seeds=range(2), d_head=values)


@pytest.mark.parametrize("seeds", [[0.5], np.array([0.5]), np.array([[1, 2]]), [True], [-1], [2**64], [], None, ["1"]])
def test_what_is_no_seed_is_refused(seeds):
    with pytest.raises(hl.ConfigError, match="seeds must be whole numbers"):
        StudyDesign.grid(NOTEBOOK, seeds=seeds)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ('seeds = "0:4"\n'.encode("utf-16"), "got UTF-16"),
        ('\ufeffseeds = "0:4"\n'.encode("utf-16-be"), "got UTF-16"),
        (b'seeds = "0:4"\ntitle = "\xe9"\n', "byte 0xe9 in line 2"),
        (b"a = " + b"[" * 100_000, "must be TOML"),
    ],
)
def test_a_file_in_another_encoding_is_answered_in_a_sentence(tmp_path, data, expected):
    (tmp_path / "s.toml").write_bytes(data)
    with pytest.raises(hl.ConfigError, match=expected):
        StudyDesign.from_toml(tmp_path / "s.toml")


def test_a_byte_order_mark_is_no_part_of_a_file(tmp_path):
    (tmp_path / "s.toml").write_bytes(b'\xef\xbb\xbfseeds = "0:4"\r\n')
    assert StudyDesign.from_toml(tmp_path / "s.toml").seeds == (0, 1, 2, 3)


def test_conditions_that_differ_never_bear_the_same_name():
    listed = [{"steps": 5020}, {"d_head": 20}, {"steps": 100}]
    names = [item.name for item in StudyDesign.grid(NOTEBOOK, seeds=range(2), conditions=listed).conditions]
    assert len(set(names)) == 3
    close = StudyDesign.grid(NOTEBOOK, seeds=range(2), learning_rate=[0.1234567, 0.1234568])
    assert len({item.name for item in close.conditions}) == 2
    assert names[:2] == ["steps 5020, schedule constant", "steps 5020, schedule plateau"]
    schedules = [[hl.Phase(5), hl.Phase(6)], [hl.Phase(6), hl.Phase(5)], [hl.Phase(3)]]
    schedules += [[hl.Phase(3, hl.Plateau(patience=n))] for n in (3, 10)]
    names = [item.name for item in StudyDesign.grid(NOTEBOOK, seeds=[1], phases=schedules).conditions]
    assert len(set(names)) == 5
    assert names[3] == "steps 3, phases 3 on plateau (patience 3)"


def test_a_factor_that_a_condition_leaves_out_has_the_value_in_force(tmp_path):
    corpus = hl.Corpus.from_text("a b c\nd b e")
    listed = [{"d_head": 3}, {"d_model": 4}, {"d_model": 5, "d_head": 3}]
    plan = StudyDesign.grid(corpus, seeds=[0, 1], model=hl.ModelConfig(unembed=True, d_head=2),
                            training=hl.TrainConfig.of(steps=3), conditions=listed)  # fmt: skip
    d_vocab = corpus.d_vocab
    assert [dict(item.factors)["d_model"] for item in plan.conditions] == [d_vocab, 4, 5]
    study = Study.create(tmp_path / "s", plan)
    study.run()
    assert study.answer("d_model").table().index.tolist() == [d_vocab, 4, 5]
    assert sorted(study.table()["d_model"].unique()) == [4, 5, d_vocab]
    assert not any("None" in item.name or "nan" in item.name for item in Study(tmp_path / "s").design.conditions)


def test_conditions_are_counted_and_grouped_by_identity_and_not_by_what_is_displayed(tmp_path):
    listed = [{"steps": 30}, {"d_head": 20}, {"steps": 10}]
    three = hl.TrainConfig(phases=(hl.Phase(10), hl.Phase(10, hl.Plateau(patience=3)), hl.Phase(10)))
    study = Study.create(tmp_path / "s", StudyDesign.grid(NOTEBOOK, seeds=range(4), training=three, conditions=listed))
    assert study.run() == 12
    assert (study.status().runs, list(study.status().by_condition.values())) == (12, [4, 4, 4])
    assert [len(group.grade) for group in study.answer().groups] == [4, 4, 4]
    assert [len(group.grade) for group in study.answer("steps").groups] == [8, 4]
    assert [len(group.grade) for group in study.answer("phases").groups] == [4, 4, 4]
    assert study.sql(
        "select count(distinct condition) as n, count(distinct phases) as m from runs"
    ).values.tolist() == [[3, 3]]


def test_the_same_value_left_out_and_named_is_one_condition():
    with pytest.raises(hl.ConfigError, match="conditions must differ"):
        StudyDesign.grid(NOTEBOOK, seeds=[0], conditions=[{"d_head": 3}, {"d_head": 3, "d_model": 7}])


@pytest.mark.parametrize("threads", ["x", 0, 2.5, True, 10_000])
def test_threads_that_are_no_number_of_threads_are_refused(tmp_path, threads):
    study = Study.create(tmp_path / "s", StudyDesign.grid(NOTEBOOK, seeds=[0], training=hl.TrainConfig.of(steps=3)))
    with pytest.raises(hl.ConfigError, match="threads must be a whole number from 1 to 1024"):
        study.run(threads=threads)
    assert study.run(threads=np.int64(1)) == 1


def test_a_training_that_changes_on_its_way_survives_its_json_and_its_file(tmp_path):
    first, second = hl.Phase(5, hl.Plateau(patience=3)), {"learning_rate": 1, "optimizer": "adam"}
    trainings = [
        [first, hl.Phase(7, hl.Plateau(), plateau_goes_on=True)],
        [first, hl.Phase(7, changes=second, freeze=["W_V", "W_E"])],
        [hl.Phase(12)],
    ]
    made = StudyDesign.grid(seeds=[1], phases=trainings, optimizer=["sgd", "rmsprop"], title='a "title" \\ é\x7f')
    again = StudyDesign.from_dict(json.loads(json.dumps(made.to_dict())))
    read = StudyDesign.from_toml(written(tmp_path, made.to_toml()))
    assert again.to_dict() == read.to_dict() == made.to_dict()
    assert list(again.identities) == list(read.identities) == list(made.identities)
    assert [item.training for item in read.conditions] == [item.training for item in made.conditions]
