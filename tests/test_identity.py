"""Identities: what names a run is what makes it the run that it is, in numbers that stay the same from release to release."""

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest

import headlab as hl
from headlab.config.numerics import NUMERICS
from headlab.data.dataset import Dataset, Goal
from headlab.study.conditions import Condition
from headlab.study.design import StudyDesign
from headlab.study.hashes import canonical_json
from headlab.study.identity import Data, run_identity
from headlab.study.study import Study

NOTEBOOK = hl.Corpus.notebook()
OTHER = hl.Corpus.from_ids([[0, 1, 2], [0, 3, 2, 4]])
UNEVEN = OTHER.with_targets(weights=[[1, 1, 1, 0], [1, 0.5, 1, 1]])
TESTED = Dataset(OTHER, "any name", hl.Corpus.from_ids([[0, 3, 2]], vocabulary=OTHER.vocabulary), Goal(share=0.5))
CHANGING = (hl.Phase(5, hl.Plateau()), hl.Phase(7, hl.Plateau(), True, {"learning_rate": 1}, ["W_V", "W_E"]))
PHASES = (hl.Phase(10), hl.Phase(200, hl.Plateau(patience=3, factor=0.5)), hl.Phase(0))

# A run of a study is found again by these: whatever changes one of them loses every run that was trained under it.
GOLDEN = {
    "b49e46c36834f225": (hl.ModelConfig(), hl.TrainConfig(), NOTEBOOK),
    "585c54710d08d58c": (hl.ModelConfig(d_head=10), hl.TrainConfig(), NOTEBOOK),
    "48fe9e514e2ca95d": (hl.ModelConfig(n_heads=2, n_layers=2, residual=False, init_scale=0.5), hl.TrainConfig(), NOTEBOOK),
    "1c470febb78a7497": (hl.ModelConfig(d_model=12, unembed=True, factored_values=True), hl.TrainConfig(), NOTEBOOK),
    "9c67ebffbcf0510a": (hl.ModelConfig(), hl.TrainConfig(optimizer="adam"), NOTEBOOK),
    "e1880fa20d7b078b": (hl.ModelConfig(), hl.TrainConfig(optimizer="rmsprop", learning_rate=1e-7, centered=True), NOTEBOOK),
    "42752bfd9f0d6148": (hl.ModelConfig(), hl.TrainConfig(phases=PHASES), NOTEBOOK),
    "f7001d19edb7b091": (hl.ModelConfig(), hl.TrainConfig.of(steps=100, dtype="float64", loss="normalized_sigmoid"), NOTEBOOK),
    "66ee73ad26c33c99": (hl.ModelConfig(), hl.TrainConfig(), OTHER),
    "19698a5510de9f53": (hl.ModelConfig(), hl.TrainConfig(), TESTED),
    "7588038677494933": (hl.ModelConfig(), hl.TrainConfig(phases=CHANGING), NOTEBOOK),
    "d5f23ab6646cca41": (hl.ModelConfig(), hl.TrainConfig(), UNEVEN),
}  # fmt: skip


# Numerics 1 named runs with the ids that tokens have.
GOLDEN_1 = {
    "51c364c270a1199c": "b49e46c36834f225", "97e23a779bf80c53": "585c54710d08d58c", "c544bf30760e93e0": "48fe9e514e2ca95d",
    "a957c8d4c3cdb810": "1c470febb78a7497", "385caf87940d9529": "9c67ebffbcf0510a", "171bfdd006e81c82": "e1880fa20d7b078b",
    "9f30d6c74aab1d36": "42752bfd9f0d6148", "a27b109f08ae14fd": "f7001d19edb7b091", "0f7d54444c703472": "66ee73ad26c33c99",
    "7ba6d370d95353f1": "19698a5510de9f53", "3b400635df5ba469": "7588038677494933", "812b78e0d34df597": "d5f23ab6646cca41",
}  # fmt: skip


def identity(model=None, training=None, corpus=NOTEBOOK, numerics=NUMERICS):
    settings = model or hl.ModelConfig(), training or hl.TrainConfig()
    return run_identity(*settings, Data.of(corpus, numerics), numerics)


@pytest.mark.parametrize("known", GOLDEN)
def test_identities_are_what_they_always_were(known):
    assert identity(*GOLDEN[known]) == known


@pytest.mark.parametrize("known", GOLDEN_1)
def test_runs_of_numerics_1_keep_their_names(known):
    assert identity(*GOLDEN[GOLDEN_1[known]], numerics=1) == known


def test_a_field_that_comes_later_renames_no_run_that_leaves_it_as_it_is():
    @dataclass(frozen=True)
    class LaterModel(hl.ModelConfig):
        temperature: float = 1.0

    @dataclass(frozen=True)
    class LaterTraining(hl.TrainConfig):
        clip: float | None = None

    assert identity(LaterModel(d_head=10), LaterTraining()) == identity(hl.ModelConfig(d_head=10))


def test_what_is_named_as_it_would_be_without_is_the_same():
    assert identity(hl.ModelConfig(d_model=NOTEBOOK.d_vocab)) == identity()
    assert identity(training=hl.TrainConfig(optimizer="adam", learning_rate=0.001)) == identity(
        training=hl.TrainConfig(optimizer="adam")
    )
    spelt = (hl.Phase(10, None), hl.Phase(5000, hl.Plateau(factor=0.2)), hl.Phase(10))
    assert identity(training=hl.TrainConfig(phases=spelt)) == identity()


def test_spellings_labels_and_start_are_no_part_of_a_run():
    text = "Mann bestellte das Huhn\nFrau bestellte das Rind"
    words = ("^", "das", "Mann", "Huhn", "bestellte", "Frau", "Rind")
    renamed = hl.Corpus.from_text(text, start="^", vocabulary=words, labels=list("abcdefg"))
    assert identity(corpus=renamed) == identity()


SENTENCES = "man ordered the chicken\nwoman ordered the beef"


@pytest.mark.parametrize(
    "vocabulary",
    [None, ("beef", "the", "man", "chicken", "ordered", "<Start>", "woman"), NOTEBOOK.vocabulary],
    ids=["as they come", "another order", "the notebook's"],
)
def test_the_order_of_the_vocabulary_names_no_run(vocabulary):
    assert identity(corpus=hl.Corpus.from_text(SENTENCES, vocabulary=vocabulary)) == identity()


def test_the_test_of_a_dataset_is_named_by_the_order_of_what_is_trained():
    texts = "a b c\nd b e", "d b c\na f e"
    named = set()
    for vocabulary in ("abcdef", "fedcba", "bdfeca"):
        corpus, test = (hl.Corpus.from_text(text, start=None, vocabulary=list(vocabulary)) for text in texts)
        named.add(identity(corpus=Dataset(corpus, test=test)))
    assert len(named) == 1
    other = hl.Corpus.from_text("d b e\na f e", start=None, vocabulary=corpus.vocabulary)
    assert identity(corpus=Dataset(corpus, test=other)) not in named


@pytest.mark.parametrize(
    "corpus",
    [
        hl.Corpus.from_text(SENTENCES.replace("beef", "chicken")),  # a token twice
        hl.Corpus.from_text(SENTENCES, wrap=False),  # other targets
        hl.Corpus.from_ids(NOTEBOOK.tokens.tolist(), vocabulary=list("abcdefgh")),  # a token more, which never comes
        NOTEBOOK.with_targets(weights=[[0, 0, 0, 1, 0]] * 2),  # other weights
    ],
)
def test_tokens_targets_and_how_many_tokens_there_are_name_a_run(corpus):
    assert identity(corpus=corpus) != identity()


def test_the_order_of_sentences_names_a_run():  # they are summed in it
    assert identity(corpus=hl.Corpus.from_ids([[0, 3, 2, 4], [0, 1, 2]])) != identity(corpus=OTHER)


def test_weights_that_are_all_equal_name_no_run():
    assert identity(corpus=NOTEBOOK.with_targets(weights=[[2.5] * 5] * 2)) == identity()


def test_other_bits_have_other_names():
    assert identity(numerics=NUMERICS + 1) != identity(numerics=NUMERICS) == identity()


WHOLE = {
    "learning_rate": {"optimizer": "sgd"}, "init_scale": {}, "momentum": {"optimizer": "sgd"}, "rho": {"optimizer": "rmsprop"},
    "epsilon": {"optimizer": "adam"}, "weight_decay": {"optimizer": "adamw"},
}  # fmt: skip


@pytest.mark.parametrize("name", WHOLE)
def test_one_and_one_point_nought_are_one_number_in_every_real_field(name, tmp_path):
    with pytest.raises(hl.ConfigError, match="conditions must differ"):
        StudyDesign.grid(NOTEBOOK, seeds=[0], conditions=[{**WHOLE[name], name: n} for n in (1, 1.0)])
    whole, real = (
        StudyDesign.grid(NOTEBOOK, seeds=[0], conditions=[{**WHOLE[name], name: n, "steps": 3} for n in values])
        for values in ((0, 1), (np.float32(0), 1.0))
    )
    assert list(whole.identities) == list(real.identities)
    assert [item.name for item in whole.conditions] == [item.name for item in real.conditions]
    given = whole.to_dict()
    (kind,) = [kind for kind in ("model", "training") if name in given["conditions"][0][kind]]
    for item, number in zip(given["conditions"], (0, 1), strict=True):
        item[kind][name] = number  # as a program may write it that knows one kind of number
    assert list(StudyDesign.from_dict(json.loads(json.dumps(given))).identities) == list(real.identities)


def test_whole_numbers_among_real_ones_stay_themselves_in_tables(tmp_path):
    study = Study.create(
        tmp_path / "s", StudyDesign.grid(NOTEBOOK, seeds=range(3), learning_rate=[1, 0.5, 0.01], steps=[4])
    )
    study.run()
    found = study.sql("select learning_rate, count(*) as n from runs group by all order by 1")
    assert found.values.tolist() == [[0.01, 3], [0.5, 3], [1.0, 3]]
    kinds = study.sql(
        "select any_value(typeof(learning_rate)) as rate, any_value(typeof(init_scale)) as scale from runs"
    )
    assert kinds.values.tolist() == [["DOUBLE", "DOUBLE"]]


def test_a_large_number_of_a_real_field_in_json_is_that_number():
    base = {"optimizer": "sgd", "steps": 1}
    made = StudyDesign.grid(NOTEBOOK, seeds=[0], conditions=[{**base, "learning_rate": 10**16}])
    assert list(made.identities) == [identity(training=hl.TrainConfig.of(steps=1, learning_rate=1e16))]


def test_numbers_are_written_as_javascript_writes_them():
    given = [1.0, 0.1, 1e-6, 1e-7, 123456789012345680000.0, 1e21, -0.0, 2.5e-300, 5e-324, 2**60, True, None, "é\n"]
    assert canonical_json(given) == (
        '[1,0.1,0.000001,1e-7,123456789012345680000,1e+21,0,2.5e-300,5e-324,1152921504606846976,true,null,"é\\n"]'
    )
    assert canonical_json({"b": 1, "a": {"é": 2, "z": 3}}) == '{"a":{"z":3,"é":2},"b":1}'


def test_a_condition_that_is_stored_under_another_name_keeps_it():
    condition = Condition(Dataset(NOTEBOOK), hl.ModelConfig(), hl.TrainConfig(), stored_as="0123456789abcdef")
    assert condition.identity == "0123456789abcdef"
    assert replace(condition, stored_as=None).identity == identity()
