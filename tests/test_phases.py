"""Phases as records: what may change, what is in force, what is refused, and JSON."""

import json
import pickle

import numpy as np
import pytest

import headlab as hl
from headlab.config import Phase, Plateau, TrainConfig
from headlab.study.design import StudyDesign

FORKED = TrainConfig(
    momentum=0.9,
    nesterov=True,
    phases=(
        Phase(100),
        Phase(50, Plateau(patience=3), changes={"optimizer": "adam", "learning_rate": 1}, freeze=["W_K", "W_E", "W_K"]),
        Phase(20, Plateau(), plateau_goes_on=True, changes={"beta_1": 0.5, "loss": "normalized_sigmoid"}),
        Phase(5, changes={"optimizer": "sgd"}),
    ),
)


def problems_of(build):
    with pytest.raises(hl.ConfigError) as refused:
        build()
    return list(map(str, refused.value.problems))


def test_settings_hold_until_a_phase_changes_them():
    first, second, third, last = (FORKED.settings(number) for number in range(4))
    assert (first.optimizer, first.momentum, first.learning_rate) == ("sgd", 0.9, 0.01)
    assert (second.optimizer, second.momentum, second.nesterov, second.learning_rate) == ("adam", 0.0, False, 1.0)
    assert (third.optimizer, third.beta_1, third.loss, third.learning_rate) == ("adam", 0.5, "normalized_sigmoid", 1.0)
    assert (last.optimizer, last.momentum, last.beta_1, last.loss) == ("sgd", 0.0, 0.9, "normalized_sigmoid")
    assert second.phases == (Phase(50, Plateau(patience=3), freeze=("W_E", "W_K")),)
    assert FORKED.settings(-1) == last
    with pytest.raises(IndexError):
        FORKED.settings(4)


def test_phases_come_back_from_json_and_pickle_and_can_be_counted():
    text = json.dumps(FORKED.to_dict())
    assert TrainConfig.from_dict(json.loads(text)) == FORKED == pickle.loads(pickle.dumps(FORKED))
    assert len({FORKED, TrainConfig.from_dict(json.loads(text)), TrainConfig()}) == 2
    assert json.loads(text)["phases"][1]["changes"] == {"optimizer": "adam", "learning_rate": 1.0}


def test_phase_that_only_has_steps_is_written_as_before_there_was_more():
    assert TrainConfig().to_dict()["phases"][0] == {"steps": 10, "plateau": None}
    assert set(TrainConfig().to_dict()["phases"][1]) == {"steps", "plateau"}
    assert Phase.from_dict({"steps": 5}) == Phase(5)


def test_real_numbers_that_change_are_one_number_however_they_are_written():
    one, other = (Phase(5, changes={"learning_rate": rate}) for rate in (1, 1.0))
    assert one == other
    assert hash(one) == hash(other)
    assert json.dumps(one.to_dict()) == json.dumps(other.to_dict())


def test_what_no_phase_can_do_is_refused_with_all_of_it():
    said = problems_of(
        lambda: Phase(
            -1, None, True, {"dtype": "float64", "phases": [], "learnin_rate": 2, "rho": None}, ("W_Q", "W_P", "W_X")
        )
    )
    expected = [
        "steps must be",
        "plateau_goes_on goes with a plateau",
        "dtype must be the same in all phases",
        "phases must be the same in all phases",
        "changes has no field 'learnin_rate': did you mean learning_rate?",
        "rho must have a value where it changes",
        "freeze must be names of weights, got 'W_P'",
        "freeze must be names of weights, got 'W_X'",
    ]
    assert len(said) == len(expected)
    for sentence, start in zip(said, expected, strict=True):
        assert sentence.startswith(start)


def test_settings_of_every_phase_are_checked_where_they_begin():
    adam = {"optimizer": "adam", "momentum": 0.5}
    said = problems_of(
        lambda: TrainConfig(
            phases=(Phase(1, Plateau(), True), Phase(1, changes=adam), Phase(1), Phase(1, changes={"rho": "x"}))
        )
    )
    assert [sentence.split(" ")[:3] for sentence in said] == [
        ["phase", "1:", "plateau_goes_on"],
        ["phase", "2:", "momentum"],
        ["phase", "4:", "rho"],
    ]
    assert "phase 2: momentum goes with sgd and rmsprop, and the optimizer is adam" in said[1]


def test_problem_from_the_start_is_not_said_again_for_every_phase():
    said = problems_of(lambda: TrainConfig(learning_rate=-1, phases=(Phase(1, changes={"loss": "softmax"}), Phase(1))))
    assert len(said) == 1


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"momentum": 0.9}, {"momentum": 0.5, "nesterov": True}, True),
        ({"momentum": 0.9}, {}, False),
        ({"optimizer": "adam"}, {"optimizer": "adam", "beta_1": 0.5}, True),
        ({"optimizer": "adam"}, {"optimizer": "adamw"}, False),
        ({"optimizer": "rmsprop"}, {"optimizer": "rmsprop", "centered": True}, False),
        ({"momentum": 0.9}, {"optimizer": "rmsprop", "momentum": 0.9}, False),
    ],
)
def test_kind_of_what_is_remembered(one, other, same):
    assert (TrainConfig(**one).state_kind == TrainConfig(**other).state_kind) == same


def test_weight_that_the_model_has_not_is_refused_by_train_with_the_other_problems():
    training = TrainConfig(phases=(Phase(5, freeze=("W_U", "W_O")),))
    said = problems_of(lambda: hl.train(hl.Corpus.notebook(), training=training, seeds=[-1]))
    assert [sentence.split(",")[0] for sentence in said[:2]] == ["phase 1 freezes W_O", "phase 1 freezes W_U"]
    assert said[2].startswith("seeds must be")


def test_train_trains_phases():
    second = Phase(50, changes={"optimizer": "adam", "learning_rate": 0.5}, freeze=("W_pos",))
    runs = hl.train(
        hl.Corpus.notebook(),
        training=TrainConfig(learning_rate=0.25, phases=(Phase(50), second)),
        seeds=range(3),
        snapshots=[50],
    )
    assert (runs.learning_rate[:, :50] == 0.25).all()
    assert (runs.learning_rate[:, 50:] == 0.5).all()
    np.testing.assert_array_equal(runs.params.W_pos, runs.at(50).params.W_pos)
    assert not np.array_equal(runs.params.W_E, runs.at(50).params.W_E)


def test_studies_refuse_what_cannot_be_frozen_and_tell_phases_apart():
    phases = [[Phase(5), Phase(5, freeze=("W_U",))], [Phase(5), Phase(5, changes={"loss": "normalized_sigmoid"})]]
    said = problems_of(
        lambda: StudyDesign.grid(
            hl.Corpus.notebook(), seeds=[0], phases=[*phases, [Phase(5), Phase(5, freeze=("W_E",))]]
        )
    )
    assert len(said) == 1
    assert "phase 2 freezes W_U, which the model has not" in said[0]
    design = StudyDesign.grid(
        hl.Corpus.notebook(), seeds=[0], phases=[phases[1], [Phase(5), Phase(5, freeze=("W_E",))]]
    )
    assert [dict(item.factors)["phases"] for item in design.conditions] == [
        "5 + 5 with loss normalized_sigmoid",
        "5 + 5 without W_E",
    ]
