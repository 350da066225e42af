"""Fields of a training for drawn data: schedules, decay, clipping, evaluations, goals; what goes together and what does not."""

import math

import numpy as np
import pytest

import headlab as hl
from headlab import Phase, Plateau, TrainConfig
from headlab.cli.phases import with_phases
from headlab.runs.experiment import fields_of
from headlab.study.columns import settings_of
from headlab.study.identity import Data, run_identity

FULL = TrainConfig(
    optimizer="adamw",
    learning_rate=0.001,
    phases=(Phase(400, rate="cosine", warmup=10, reset=True, size=3), Phase(100, Plateau(on="held_out"))),
    l2=0.5,
    decayed=("W_U", "W_E"),
    clip=1,
    batch_size=128,
    data_seed=2**63,
    data_per_run=True,
    evaluate_every=100,
    evaluate_on=256,
    stop_at=0.99,
    stop_count=3,
)


def test_every_field_comes_back_from_json_and_says_nothing_where_it_is_as_usual():
    assert TrainConfig.from_dict(FULL.to_dict()) == FULL
    assert set(FULL.to_dict()) - set(TrainConfig().to_dict()) == {
        *("l2", "decayed", "clip", "batch_size", "data_seed", "data_per_run"),
        *("evaluate_every", "evaluate_on", "stop_at", "stop_count"),
    }
    assert FULL.decayed == ("W_E", "W_U")  # in the order of the table
    assert Phase(7).to_dict() == {"steps": 7, "plateau": None}


def test_a_field_that_is_as_usual_names_no_other_run():
    data = Data.of(hl.Corpus.notebook())
    assert run_identity(hl.ModelConfig(), TrainConfig(data_seed=0, stop_count=1), data) == "b49e46c36834f225"
    assert run_identity(hl.ModelConfig(), TrainConfig(data_seed=1), data) != "b49e46c36834f225"


@pytest.mark.parametrize("kind", ["cosine", "linear"])
@pytest.mark.parametrize("warmup", [0, 7])
def test_a_schedule_goes_by_its_formula_and_is_the_same_however_it_is_cut(kind, warmup):
    phase = Phase(50, rate=kind, end_rate=0.25, rate_every=4, warmup=warmup)
    expected = []
    for step in range(50):
        share = (step // 4) * 4 / 50
        fall = (1 + math.cos(math.pi * share)) / 2 if kind == "cosine" else 1 - share
        expected.append((0.25 + 0.75 * fall) * (min(1, (step + 1) / warmup) if warmup else 1))
    found = [phase.rate_at(step, 1.0) for step in range(50)]
    np.testing.assert_allclose(found, expected, rtol=1e-15)
    whole = TrainConfig(optimizer="adam", phases=(phase,))
    for at in (1, 8, 33):
        phases = whole.forked(at).forked(at + 5).phases
        assert [part.rate_at(step, 1.0) for part in phases for step in range(part.steps)] == found
    assert whole.forked(9).in_words() == whole.in_words()


def test_all_that_would_do_nothing_or_cannot_be_is_said_at_once():
    with pytest.raises(hl.ConfigError) as refused:
        TrainConfig(stop_count=3, evaluate_on=5, decayed=("W_E",), phases=(Phase(3, Plateau(on="held_out")),))
    assert [problem.field for problem in refused.value.problems] == ["decayed", "stop_count", "evaluate_on", "plateau"]
    with pytest.raises(hl.ConfigError) as refused:
        Phase(10, Plateau(), rate="linear", rate_from=3, rate_steps=5)
    assert [problem.field for problem in refused.value.problems] == ["rate", "rate_steps"]
    with pytest.raises(hl.ConfigError, match="rate_every goes with the rate cosine or linear, got 5"):
        Phase(10, rate_every=5)
    with pytest.raises(hl.ConfigError, match="stop_at must be the same in all phases"):
        Phase(10, changes={"stop_at": 0.5})
    with pytest.raises(hl.ConfigError, match=r"decayed must be some of W_E.*got \('W_X',\)"):
        TrainConfig(optimizer="adamw", decayed=("W_X",))


def test_a_command_line_says_schedules_and_lists_of_names():
    training = with_phases(
        TrainConfig.of(steps=0, optimizer="adamw"), ["90 rate=cosine warmup=5 decayed=W_E,W_U l2=.5"], []
    )
    last = training.phases[-1]
    assert (last.rate, last.warmup, last.changes) == ("cosine", 5, {"decayed": ("W_E", "W_U"), "l2": 0.5})
    assert training.in_words() == (
        "0 steps of adamw at learning rate 0.001, then 90 of adamw "
        "falling to 0 along a cosine after 5 steps of warm-up with decayed W_E and W_U and l2 0.5"
    )


def test_settings_in_force_keep_what_no_phase_changes():
    assert FULL.settings(1).replace(phases=FULL.phases) == FULL
    changed = FULL.replace(phases=(Phase(5), Phase(5, changes={"batch_size": 64, "decayed": ["W_Q"]})))
    assert (changed.in_force(0).batch_size, changed.in_force().batch_size, changed.in_force().decayed) == (
        128,
        64,
        ("W_Q",),
    )


def test_a_studys_table_has_every_field_and_nothing_where_there_is_none():
    row = settings_of("notebook", hl.ModelConfig(), FULL)
    assert (row["batch_size"], row["decayed"], row["stop_at"]) == (128, "W_E, W_U", 0.99)
    assert settings_of("notebook", hl.ModelConfig(), TrainConfig())["batch_size"] is None


def test_a_link_does_not_hold_what_the_lab_has_not():
    with pytest.raises(hl.ConfigError, match="a link holds settings that the lab has, got l2 and clip"):
        fields_of(hl.Dataset.of(hl.Corpus.notebook()), hl.ModelConfig(), TrainConfig(l2=1, clip=1), 0)
