"""Configurations: Keras' options and defaults, NumPy's numbers, and every problem of a request at once."""

import dataclasses
import pickle
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

import headlab as hl
from headlab.config import HAVE, OPTIMIZERS, Phase, Plateau
from headlab.study.design import StudyDesign

KERAS = {"sgd": 0.01, "rmsprop": 0.001, "adam": 0.001, "adamw": 0.001}  # keras.optimizers, Keras 2 and 3
ANOTHER = {
    "momentum": 0.5,
    "nesterov": True,
    "rho": 0.5,
    "centered": True,
    "beta_1": 0.5,
    "beta_2": 0.5,
    "epsilon": 0.5,
    "weight_decay": 0.5,
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_learning_rate_that_is_left_out_is_keras_default_of_the_optimizer(optimizer):
    rate = KERAS[optimizer]
    assert hl.TrainConfig(optimizer=optimizer).learning_rate == rate
    assert hl.TrainConfig.of(steps=3, optimizer=optimizer).to_dict()["learning_rate"] == rate
    assert hl.TrainConfig().replace(optimizer=optimizer).learning_rate == rate
    assert pickle.loads(pickle.dumps(hl.TrainConfig())).replace(optimizer=optimizer).learning_rate == rate
    assert hl.TrainConfig.from_dict(hl.TrainConfig(optimizer=optimizer).to_dict()) == hl.TrainConfig(
        optimizer=optimizer
    )
    assert hl.TrainConfig(learning_rate=0.01).replace(optimizer=optimizer).learning_rate == 0.01


def test_study_over_optimizers_gives_each_its_own_rate_unless_one_is_given():
    corpus = hl.Corpus.notebook()

    def rates(**given):
        design = StudyDesign.grid(corpus, seeds=[0], optimizer=list(OPTIMIZERS), **given)
        return [condition.training.learning_rate for condition in design.conditions]

    assert rates() == [KERAS[name] for name in OPTIMIZERS]
    assert rates(training=hl.TrainConfig(loss="normalized_sigmoid")) == rates()
    assert rates(training=hl.TrainConfig(learning_rate=0.01)) == [0.01] * 4
    fields = {"seeds": "0:1", "grid": {"optimizer": ["sgd", "adam"]}}
    for training, expected in (({}, [0.01, 0.001]), ({"learning_rate": 1}, [1, 1])):
        design = StudyDesign.from_fields({**fields, "training": training})
        assert [condition.training.learning_rate for condition in design.conditions] == expected


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_options_of_other_optimizers_are_refused_all_at_once_with_those_that_have_them(optimizer):
    misplaced = [name for name in HAVE if optimizer not in HAVE[name]]
    with pytest.raises(hl.ConfigError) as refused:
        hl.TrainConfig(optimizer=optimizer, **{name: ANOTHER[name] for name in misplaced})
    assert len(refused.value.problems) == len(misplaced)
    for name, problem in zip(misplaced, refused.value.problems, strict=True):
        assert problem.field == name
        assert str(problem).startswith(
            f"{name} goes with {' and '.join(HAVE[name])}, and the optimizer is {optimizer}, got"
        )
    own = {name: ANOTHER[name] for name in HAVE if optimizer in HAVE[name]}
    assert hl.TrainConfig(optimizer=optimizer, **own).to_dict().items() >= own.items()
    defaults = {name: getattr(hl.TrainConfig(), name) for name in HAVE}
    assert hl.TrainConfig(optimizer=optimizer, **defaults) == hl.TrainConfig(optimizer=optimizer)


def test_nesterov_without_a_momentum_is_refused():
    with pytest.raises(hl.ConfigError, match="nesterov goes with a momentum above 0"):
        hl.TrainConfig(nesterov=True)


def test_study_files_and_command_line_refuse_options_of_other_optimizers(run):
    with pytest.raises(hl.ConfigError, match="weight_decay goes with adamw"):
        StudyDesign.from_fields({"seeds": "0:1", "training": {"weight_decay": 0.5}})
    status, _, said = run("train", "--weight-decay", "0.5", "--rho", "0.5")
    assert status == 2
    assert "weight_decay goes with adamw" in said
    assert "rho goes with rmsprop" in said


def test_min_lr_is_min_rate():
    assert Plateau(min_lr=0.5) == Plateau(min_rate=0.5) == Plateau.from_dict({"min_lr": 0.5})
    assert Plateau().min_rate == 0.0001
    assert Plateau(min_rate=0.5).replace(min_lr=0.25).min_rate == 0.25
    assert dataclasses.replace(Plateau(min_lr=0.5), patience=2).min_rate == 0.5
    phases = [{"steps": 5, "plateau": {"min_lr": 0.5}}]
    assert hl.TrainConfig.from_dict({"phases": phases}).to_dict()["phases"][0]["plateau"]["min_rate"] == 0.5
    with pytest.raises(hl.ConfigError, match=r"min_rate and min_lr are one field, got 0\.5 and 0\.5: leave one out"):
        Plateau(min_rate=0.5, min_lr=0.5)
    with pytest.raises(hl.ConfigError, match="min_rate must be a finite number"):
        Plateau(min_lr="low")


RECORDS = [hl.ModelConfig(), hl.TrainConfig(), Plateau(), Phase(5)]
FIELDS = [(record, item.name) for record in RECORDS for item in dataclasses.fields(record)]
NONSENSE = [10**400, 10**5000, -(10**400), float("nan"), float("inf"), Decimal("0.1"), 1j, "20", [], {}, b"1", object()]
NONSENSE += [np.array([1, 2]), np.array(["a", "b"]), np.float64("nan"), "line\nline" * 100]

NONE_OF_IT = [("phases", []), ("changes", {}), ("freeze", []), ("init", []), ("init", {})]  # no phases: no steps


@pytest.mark.parametrize(("record", "name"), FIELDS, ids=[f"{type(r).__name__}.{n}" for r, n in FIELDS])
def test_nonsense_in_any_field_is_one_sentence_that_names_it(record, name):
    for value in NONSENSE:
        if isinstance(value, list | dict) and (name, value) in NONE_OF_IT:
            continue
        with pytest.raises(hl.ConfigError, match=f"^{name} must be ") as refused:
            record.replace(**{name: value})
        assert len(str(refused.value)) < 600
    if not isinstance(getattr(record, name), bool):
        for truth in (True, np.True_):
            with pytest.raises(hl.ConfigError, match=f"^{name} must be "):
                record.replace(**{name: truth})


@pytest.mark.parametrize(("record", "name"), FIELDS, ids=[f"{type(r).__name__}.{n}" for r, n in FIELDS])
def test_numpy_values_mean_what_pythons_do(record, name):
    value = getattr(record, name)
    if isinstance(value, bool | int | float | str):
        given = record.replace(**{name: np.array(value)[()]})
        assert given == record
        assert type(getattr(given, name)) is type(value)


def test_real_numbers_are_one_number_however_they_are_written():
    for one in (1, 1.0, np.int8(1), np.float32(1), Fraction(1), np.array(1)):
        assert hl.TrainConfig(learning_rate=one).to_dict() == hl.TrainConfig(learning_rate=1.0).to_dict()
        assert repr(hl.TrainConfig(learning_rate=one).learning_rate) == "1.0"


def test_every_problem_of_a_record_is_listed_with_those_of_its_parts():
    fields = {
        "phases": [{"steps": "a"}, {"steps": 3, "plateau": {"factor": 2, "patience": -1}}, {"stepz": 1}],
        "lr": 1,
        "momentum": 7,
        "optimizer": "sgd",
        "learning_rate": None,
    }
    with pytest.raises(hl.ConfigError) as refused:
        hl.TrainConfig.from_dict(fields)
    named = [str(problem).split(" ")[0] for problem in refused.value.problems]
    assert named == ["steps", "factor", "patience", "Phase", "Phase", "TrainConfig", "learning_rate", "momentum"]
    named = [problem.field for problem in refused.value.problems]
    assert named == ["steps", "factor", "patience", "stepz", "steps", "lr", "learning_rate", "momentum"]
    with pytest.raises(hl.ConfigError) as refused:
        hl.TrainConfig.of(steps=-1, learning_rate=-1)
    assert len(refused.value.problems) == 2


def test_steps_and_a_schedule_stand_for_phases_and_mean_one_thing():
    of = hl.TrainConfig.of
    assert of() == hl.TrainConfig() == of(schedule="plateau") == of(steps=5020, schedule="plateau")
    assert of(steps=1000).phases == (Phase(1000),) == of(steps=np.int64(1000), schedule="constant").phases
    assert of(schedule="constant").phases == (Phase(5020),)
    assert of(steps=21, schedule="plateau").phases == (Phase(10), Phase(1, Plateau()), Phase(10))
    schedules = [of(), of(steps=3), of(steps=3, plateau=Plateau()), hl.TrainConfig(phases=())]
    assert [training.schedule for training in schedules] == ["plateau", "constant", "phases", "phases"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"steps": 20, "schedule": "plateau"}, "steps must be above 20 with the schedule plateau, got 20: the first"),
        ({"steps": -1}, "steps must be a whole number from 0 to 1000000000, got -1"),
        ({"schedule": "cosine"}, "schedule must be one of plateau, constant, got 'cosine'"),
        ({"steps": 5, "phases": (Phase(5),)}, "either phases or steps and a schedule must be given"),
        ({"steps": 5, "schedule": "constant", "plateau": Plateau()}, "either a plateau or a schedule must be given"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(fields, said):
    with pytest.raises(hl.ConfigError, match=said):
        hl.TrainConfig.of(**fields)


def test_every_field_is_declared_with_its_words_range_and_default():
    for record in (hl.ModelConfig, hl.TrainConfig, Plateau):
        for row in record.table():
            assert row.label
            assert row.help.endswith(".")
            assert row.default is not None or row.usual
            assert row.default is None or row.problems(row.default) == []
            assert f"\n    {row.name}: " in record.__doc__
            for bound in (row.low, row.high) if row.kind in ("whole", "real") else ():
                assert abs(bound) == float("inf") or bool(row.problems(bound)) == (
                    (row.open_high and bound == row.high) or (row.open_low and bound == row.low)
                )
