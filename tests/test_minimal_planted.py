"""By resampling, the sets that suffice are what was planted, and nothing else: without noise, and with 1 % of it."""

import pytest
from planted.circuits import TRUTHS

from headlab.analysis.explanation.explanation import explain

# What suffices at the first place; where two sets are named, either does.
SUFFICES = {
    "a head that copies the subject": ["1 man"],
    "three subjects": ["1 cat"],
    "five subjects, five answers": ["1 one"],
    "a subject nine words away": ["1 ann"],
    "subjects at different positions": ["1 man"],
    "fillers after the subject": ["1 man"],
    "both places in one sentence": ["1 sun"],
    "a near third word that is an alternative": ["1 man"],
    "a decoy position: much attention, nothing written": ["1 man"],
    "an attention sink": ["1 man"],
    "a default on the direct path, and one subject that draws the eye": ["1 man"],
    # The start token speaks for the rival, and is looked at less: it counts by how little it is read.
    "a default that the start token writes, and one subject that draws the eye": ["0 <Start> + 1 man"],
    "attention that is taken from elsewhere": ["0 <Start>"],
    "an exception at another position": ["0 <Start> + 1 man"],
    "no attention: the position tells": ["own position"],
    # Eight logits against ten of the other head, which would then speak for the rival: only the larger one is enough.
    "two heads, each of which is enough": ["1 man by head 0.1"],
    # With the negative head turned round, either of the others is.
    "a negative third head": ["1 man by head 0.0", "1 man by head 0.1"],
    "a decoy head: it looks at the subject and writes nothing": ["1 man by head 0.0"],
    "a decoy in the null space of the pair": ["1 man by head 0.0"],
    "AND: two earlier tokens together": ["1 red by head 0.0 + 2 cat by head 0.1"],
    # Either gives the answer there; where neither token stands, both must stay for the other answer.
    "OR: either of two earlier tokens": ["1 red by head 0.0 + 2 cat by head 0.1"],
    "two layers: the first moves the subject, the second reads it there": [
        "2 ordered by head 1.0 + 2 ordered → 1 man by head 0.0"
    ],
    "the current token alone": [],
    "the wrong way round": [],
    "a third word that always wins": [],
}


@pytest.mark.parametrize("name", SUFFICES)
def test_what_suffices_is_what_was_planted(name):
    explanations = explain(TRUTHS[name].circuit.subject((0.0, 0.01)))
    explanations = explanations.first(1)
    rows = [row for row in explanations.minimal().to_list() if row["ablation"] == "resample"]
    assert [row["in_words"] for row in rows] == [SUFFICES[name]] * 2


def test_by_zero_either_of_two_redundant_heads_suffices_and_a_default_may_do_without_its_source():
    found = explain(TRUTHS["two heads, each of which is enough"].circuit.subject()).minimal().to_list()
    assert found[0]["in_words"] == ["1 man by head 0.0", "1 man by head 0.1"]
    found = explain(TRUTHS["a constant that is needed"].circuit.subject()).minimal().to_list()
    assert [row["in_words"] for row in found[:2]] == [["0 <Start> + 1 man"], ["1 man"]]
    found = explain(TRUTHS["AND: two earlier tokens together"].circuit.subject()).minimal().to_list()
    assert found[0]["in_words"] == ["1 red by head 0.0 + 2 cat by head 0.1 + direct path"]
