"""How weights begin: rules by name, from a mapping, a list or a text, the same everywhere."""

import math

import numpy as np
import pytest

import headlab as hl
from headlab.config import WEIGHTS
from headlab.config.starts import read
from headlab.model.initial import initial
from headlab.runs.experiment import fields_of
from headlab.study.design import StudyDesign

NOTEBOOK = hl.Corpus.notebook()
ALL = {"d_model": 8, "d_head": 3, "n_heads": 2, "d_mlp": 5, "unembed": True, "factored_values": True, "biases": True}


def draws(**settings):
    return hl.ModelConfig(**{**ALL, **settings}).on(NOTEBOOK).draws


def test_usual_rules_are_keras_and_zeros_and_ones():
    found = draws(norm="layer", norm_final=True, relative_positions=True)
    for name in ("W_E", "W_pos", "W_R"):
        assert found[name] == ("uniform", 0.05)
    assert found["W_O"] == ("uniform", math.sqrt(6 / 11)), "3 in, 8 out"
    assert found["W_in"] == ("uniform", math.sqrt(6 / 13))
    assert {name: found[name] for name in found if name.endswith("_w")} == dict.fromkeys(
        ["ln1_w", "ln2_w", "ln_final_w"], ("constant", 1.0)
    )
    biases = [row.name for row in WEIGHTS if row.name.startswith("b_") or row.name.endswith("_b")]
    assert {name: found[name] for name in biases} == dict.fromkeys(biases, ("constant", 0.0))


def test_a_rule_for_all_matrices_leaves_biases_and_gains():
    found = draws(init={"*": "normal 0.02", "W_O": "normal 0.01"}, norm="rms")
    assert found["W_O"] == ("normal", 0.01)
    assert {found[name] for name in found if name.startswith("W_") and name != "W_O"} == {("normal", 0.02)}
    assert (found["b_Q"], found["ln1_w"]) == (("constant", 0.0), ("constant", 1.0))


def test_linear_is_pytorchs_layer_of_the_numbers_that_are_summed_up():
    names = [row.name for row in WEIGHTS if row.fan_in and row.name not in ("W_E", "W_pos")]
    found = draws(init=dict.fromkeys(names, "linear"))
    of = {
        "W_O": 6,
        "b_O": 6,
        "W_out": 5,
        "b_out": 5,
    }  # two heads of three numbers; the MLP's; the others: of the stream
    assert {name: found[name] for name in names} == {
        name: ("uniform", 1 / math.sqrt(of.get(name, 8))) for name in names
    }


def test_transformer_lens_goes_by_the_width_of_the_stream():
    found = draws(init="*=transformer_lens")
    assert found["W_E"] == found["W_K"] == ("normal", 0.8 / math.sqrt(8))


def test_a_mapping_a_list_and_a_text_are_one_setting():
    text = "*=normal 0.5, W_E=uniform 1, b_Q=constant -1"
    given = [
        {"b_Q": "constant -1.0", "*": " normal  0.50", "W_E": "uniform 1"},
        ["W_E=uniform 1", text[:12], text[28:]],
        text,
    ]
    models = [hl.ModelConfig(biases=True, init=init) for init in given]
    assert {model.init for model in models} == {text}
    assert len({hash(model) for model in models}) == 1
    assert hl.ModelConfig.from_dict(models[0].to_dict()) == models[0]
    assert read(text) == (text, [])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("W_E", "names of weights and their rules, got 'W_E': write it as W_E=normal 0.5"),
        ("W_X=normal 1", "names of weights, or *, got 'W_X': did you mean W_"),
        ("W_E=nromal 1", "W_E by a rule, got 'nromal 1': did you mean normal?"),
        ("W_E=normal", "W_E by a rule, got 'normal': normal takes one number"),
        ("W_E=normal -1", "normal takes a finite number of at least 0"),
        ("W_E=uniform inf", "uniform takes a finite number of at least 0"),
        ("W_E=constant nan", "constant takes a finite number"),
        ("W_E=glorot 1", "glorot takes no number"),
        ("W_E=normal 1, W_E=normal 2", "W_E once, got it again"),
        ("W_O=normal 1", "weights that the model has, got W_O"),
        ("*=linear", "linear where numbers are summed up, got W_E"),
        ({"W_E": 1}, "names of weights and their rules"),
        (7, "names of weights and their rules, got 7"),
    ],
)
def test_rules_that_cannot_be_are_one_sentence_each(given, said):
    with pytest.raises(hl.ConfigError, match=r"^init must ") as refused:
        hl.ModelConfig(init=given)
    assert said in str(refused.value)


def test_every_wrong_rule_is_listed():
    with pytest.raises(hl.ConfigError) as refused:
        hl.ModelConfig(init=["W_X=normal 1", "W_E=normal", "W_K=large"], d_head=0)
    assert [problem.field for problem in refused.value.problems] == ["d_head", "init", "init", "init"]


def test_constants_begin_as_they_are_and_scales_do_not_reach_them():
    model = hl.ModelConfig(init={"W_E": "constant 2.5", "W_K": "uniform 0.1"}, init_scale=3.0, biases=True)
    params = initial(model.on(NOTEBOOK), np.arange(4, dtype=np.uint64))
    assert (params.W_E == 2.5).all()
    assert (params.b_Q == 0).all()
    assert 0.25 < np.abs(params.W_K).max() <= np.float32(0.3)


def test_positions_that_are_sinusoidal_are_drawn_so_and_frozen_in_every_phase():
    model = hl.ModelConfig(sinusoidal_positions=True)
    assert model.on(NOTEBOOK).draws["W_pos"] == ("sinusoidal", 1.0)
    assert model.frozen == ("W_pos",)
    begun = initial(hl.ModelConfig().on(NOTEBOOK), np.arange(2, dtype=np.uint64))
    training = hl.TrainConfig(phases=(hl.Phase(3), hl.Phase(3, freeze=("W_K",))), learning_rate=0.5)
    trained = hl.train(NOTEBOOK, model, training, init=begun).params
    np.testing.assert_array_equal(trained.W_pos, begun.W_pos)
    assert (trained.W_E != begun.W_E).any()
    with pytest.raises(hl.ConfigError, match="init must leave W_pos to sinusoidal_positions"):
        hl.ModelConfig(sinusoidal_positions=True, init="W_pos=normal 1")


def test_a_study_varies_rules_and_its_file_keeps_them(tmp_path):
    given = {
        "seeds": "0:1",
        "model": {"init": {"W_E": "normal 0.5"}},
        "grid": {"init": ["W_E=normal 0.5", "W_K=normal 1"]},
    }
    design = StudyDesign.from_fields(given)
    assert [condition.model.init for condition in design.conditions] == ["W_E=normal 0.5", "W_K=normal 1"]
    assert [condition.name for condition in design.conditions] == ["init W_E=normal 0.5", "init W_K=normal 1"]
    (tmp_path / "study.toml").write_text(design.to_toml(), encoding="utf-8")
    assert StudyDesign.from_toml(tmp_path / "study.toml").to_dict() == design.to_dict()


def test_the_command_line_takes_rules_one_by_one(run):
    status, _, said = run("train", "--init", "W_E=normal", "--init", "W_K=large", "--init", "W_U=linear")
    assert status == 2
    assert said.count("init must be") == 2


def test_the_lab_says_no_such_setting_and_no_link_holds_one():
    runs = hl.train(NOTEBOOK, hl.ModelConfig(), hl.TrainConfig.of(steps=2), seeds=1)
    with pytest.raises(hl.ConfigError, match="a link holds settings that the lab has, got d_mlp"):
        fields_of(runs.dataset, hl.ModelConfig(d_mlp=3), runs.training, 1)
