"""The same bits: fourteen named settings have the hashes of golden.json, on every instruction set and however they are trained.

The kernel's own test (`make kernel-test`) holds the same without Python, with every cut of a training, and on aarch64.
"""

import pytest
from golden import FEW, FILE, MANY, SETTINGS, Golden, sha256
from tiers import sampled, sized

import headlab as hl
from headlab.config.numerics import NUMERICS
from headlab.engine import instruction_sets
from headlab.engine.backend import kernel

ON_BOTH_BACKENDS = True
LONG_ON_WASM = {"test_any_number_of_threads_gives_it", "test_a_named_setting_has_its_hash"}

CASES = pytest.mark.parametrize("golden", SETTINGS, ids=lambda golden: golden.name)
SETS = pytest.mark.parametrize("instruction_set", instruction_sets())


def test_the_file_is_of_the_notebooks_sentences_and_of_these_bits() -> None:
    corpus, given = hl.Corpus.notebook(), FILE["corpus"]
    assert [*corpus.vocabulary] == given["vocabulary"]
    assert corpus.tokens.tolist() == given["tokens"]
    assert corpus.targets.tolist() == given["targets"]
    assert FILE["numerics"] == NUMERICS == kernel().NUMERICS
    assert len(SETTINGS) == 14


@CASES
def test_a_named_setting_has_its_hash(golden: Golden) -> None:
    runs = golden.train(range(MANY))
    assert sha256(runs) == golden.sha256["many"]
    assert sha256(runs[:FEW]) == golden.sha256["few"]


@SETS
@CASES
@pytest.mark.parametrize("seeds", sized(FEW, MANY))
def test_every_instruction_set_gives_that_hash(
    golden: Golden, instruction_set: str, seeds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADLAB_INSTRUCTION_SET", instruction_set)
    assert sha256(golden.train(range(seeds))) == golden.sha256["few" if seeds == FEW else "many"]


@pytest.mark.parametrize("threads", [1, 3])
def test_any_number_of_threads_gives_it(threads: int) -> None:
    golden = SETTINGS[1]
    assert sha256(golden.train(range(MANY), threads=threads)) == golden.sha256["many"]


@pytest.mark.parametrize("golden", sampled(SETTINGS, 4), ids=lambda golden: golden.name)
def test_a_run_is_the_same_alone_and_in_any_order_of_the_others(golden: Golden) -> None:
    assert sha256(golden.train([5, 3, 2, 1, 0])[[4, 3, 2, 1]]) == golden.sha256["few"]
    alone, last = golden.train([2]), golden.train([*range(20), 2])[[20]]
    assert sha256(alone) == sha256(last)


def test_the_order_of_the_vocabulary_and_the_words_do_not_matter() -> None:
    typed = hl.Corpus.from_text("man ordered the chicken\n\nwoman ordered the beef\n", start="<Start>")
    other = hl.Corpus.from_text("uno b c d\ndos b c e", start="<>")
    for golden in SETTINGS[1], SETTINGS[2], SETTINGS[6]:
        assert sha256(golden.train(range(FEW), typed)) == golden.sha256["few"]
        assert sha256(golden.train(range(FEW), other)) == golden.sha256["few"]


def test_one_that_diverges_leaves_its_neighbours_alone() -> None:
    runs = SETTINGS[-1].train(range(MANY))
    assert 0 < runs.finished.sum() < MANY
