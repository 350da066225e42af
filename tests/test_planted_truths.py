"""What is said of planted circuits holds of their tables, by a forward pass of its own."""

from pathlib import Path

import numpy as np
import pytest
from planted.circuits import TRUTHS
from planted.oracle import ABLATIONS
from planted.reading import TIE, Reading, lead, softmax, winners
from planted.truth import name_at, parts_of

DOCS = Path(__file__).parents[1] / "docs/explanations.md"
LITTLE, TENTH = 0.05, 0.1
NOTHING = 0.09  # of a logit: what a head still reads where it does not look


@pytest.fixture(scope="module", params=TRUTHS)
def reading(request):
    return Reading(TRUTHS[request.param])


def test_circuits_are_of_many_kinds_on_many_corpora():
    assert len(TRUTHS) >= 40
    corpora = {truth.circuit.corpus.sentences for truth in TRUTHS.values()}
    assert len(corpora) >= 10
    assert f"{len(TRUTHS)} circuits on {len(corpora)} corpora" in DOCS.read_text(encoding="utf-8")


def test_places_are_all_that_the_current_token_leaves_open(reading):
    model = reading.circuit.model
    found = [(item.sequence, item.position) for item in reading.corpus.dependencies(model) if item.resolvable]
    assert [place for _, place in reading.places] == found


def test_the_answer_leads_as_planted(reading):
    for at, (row, position) in reading.places:
        logits = reading.oracle.clean[row].logits[position]
        assert logits @ reading.weights(at) == pytest.approx(at.lead, abs=NOTHING)
        assert winners(logits, reading.corpus) == set((at.predicts or at.answer).split("="))
        for token, ahead in at.nearer.items():
            assert lead(logits, reading.id(at.answer)) == pytest.approx(ahead, abs=NOTHING)
            assert logits[reading.id(at.answer)] - logits[reading.id(token)] == pytest.approx(ahead, abs=NOTHING)


def test_other_places_are_right_by_themselves(reading):
    solved = not reading.truth.mechanism.startswith("unsolved")
    resolvable = reading.corpus.resolvable(reading.circuit.model)
    right = [
        lead(reading.oracle.clean[row].logits[position], reading.corpus.targets[row, position]) > TIE
        for row, position in np.argwhere(resolvable)
    ]
    assert all(right) == solved


def test_every_head_of_the_last_layer_looks_where_it_is_said_to(reading):
    for at, (row, position) in reading.places:
        for head, looks in enumerate(at.looks):
            weights = reading.oracle.clean[row].pattern[-1][head][position]
            top = np.nonzero(weights > weights.max() - TIE)[0]
            assert (name_at(reading.corpus, row, top[0]) if len(top) == 1 else None) == looks
        assert len(at.looks) == reading.circuit.model.n_heads


def test_what_gives_the_answer_is_what_was_planted(reading):
    for at, (row, position) in reading.places:
        found = reading.oracle.gives(row, position, reading.weights(at))
        names = {key: key if isinstance(key, str) else name_at(reading.corpus, row, key) for key in found}
        given = {names[key]: value for key, value in found.items() if abs(value) > NOTHING}
        assert given == {name: pytest.approx(value, abs=NOTHING) for name, value in at.gives.items()}


def test_every_ablation_does_what_is_said_and_nothing_else(reading):
    for at, (row, position) in reading.places:
        if at.flips is None:
            continue
        clean = reading.oracle.clean[row].logits[position]
        answer, flips, moves = reading.id(at.answer), {}, set()
        follow = [token for token in reading.alternatives(row, position) if token != answer]
        for name, part in parts_of(reading.circuit, row, position).items():
            for how in ABLATIONS:
                for logits in reading.after(at, row, position, part, how):
                    best = winners(logits, reading.corpus)
                    if at.answer not in best:
                        for token in best:
                            flips.setdefault(name, {}).setdefault(token, []).append(how)
                    moved = abs(softmax(logits) - softmax(clean))[answer] > LITTLE
                    for token in follow:
                        before, after = (values[answer] - values[token] for values in (clean, logits))
                        moved |= abs(after - before) > TENTH * abs(before)
                    if moved:
                        moves.add(name)
        told = {part: {token: sorted(set(how.split())) for token, how in of.items()} for part, of in at.flips.items()}
        assert {part: {token: sorted(set(how)) for token, how in of.items()} for part, of in flips.items()} == told, (
            at.beginning
        )
        assert moves - set(flips) == set(at.moves), at.beginning
