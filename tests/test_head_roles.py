"""What heads do, as it is told: of heads set by hand it is known, and every number is counted again the plain way."""

from dataclasses import replace

import numpy as np
import pytest

import headlab as hl
from headlab.analysis.looking.head_roles import head_roles, held_out_scores, places_on
from headlab.analysis.looking.head_scores import copying, prefix_matching, previous_token
from headlab.analysis.subject import Subject
from headlab.config import ModelConfig
from headlab.data.batch import Batch
from headlab.data.dataset import Dataset
from headlab.data.held_out import held_out
from headlab.data.stream import Stream
from headlab.model.forward import forward
from headlab.model.initial import initial
from headlab.model.matrices import token_circuit
from headlab.report.words.heads import head_sentences
from headlab.tasks import planted, planted_shift

TWO = ModelConfig(d_head=4, n_heads=2, n_layers=2, d_model=8, factored_values=True, unembed=True)


def by_hand(module):
    params = module.weights()
    return Subject(params[None] if params.run_shape else _one(params), module.TASK, module.MODEL)


def _one(params):
    return params.replace(**{name: weight[None] for name, weight in params.items()})


def drawn(n_runs=2, model=TWO, scale=3.0):
    dataset = Dataset.from_stream(Stream(_letters, tuple("abcdef"), 7))
    model = model.replace(init_scale=scale)
    return Subject(initial(model.on(dataset), np.arange(n_runs, dtype=np.uint64), np.float64), dataset, model)


def _letters(draws, size):
    tokens = draws.integers(6, 7)
    return tokens, np.where(np.arange(7) > 2, np.roll(tokens, -1, axis=1), -1)


def test_heads_set_by_hand_have_a_score_of_1_of_their_kind_and_it_is_said():
    first, second = head_roles(by_hand(planted), n=200)
    assert first.scores["previous_token"] == 1
    assert second.scores["prefix_matching"] == pytest.approx(1, abs=1e-12)
    assert second.scores["answer"] == pytest.approx(1, abs=1e-12)
    assert second.queries["answer"] == second.queries["prefix_matching"]
    assert (second.raises_own, second.lowers_own, second.n_tokens, second.copying) == (26, 0, 26, pytest.approx(1))
    assert (first.raises_own, first.lowers_own) == (0, 0)
    assert (
        head_sentences(first)[0]
        == "Head 0.0 gives 1.00 of its attention to the position before (over 6,200 queries, an even look 0.10)."
    )
    assert "what came right after an earlier occurrence of its token" in " ".join(head_sentences(second))
    assert head_sentences(second)[-1].startswith("Of 26 tokens 26 raise their own logit most")
    (shift,) = head_roles(by_hand(planted_shift))
    assert shift.scores["previous_token"] == 1
    assert [reading.what for reading in shift.distances] == [1]


def test_scores_over_pieces_are_those_of_all_examples_at_once():
    subject = drawn()
    tokens, _ = subject.dataset.stream.examples("held out", 0, 300)
    pattern = forward(subject.params, tokens, subject.model).pattern
    table = held_out_scores(subject, 300)
    assert len(table) == 2 * 2 * 2
    for name, score in (("previous_token", previous_token), ("prefix_matching", prefix_matching)):
        assert table[name].to_numpy() == pytest.approx(score(pattern, tokens).ravel(), abs=1e-12)


def test_what_nobody_reads_of_the_last_layer_is_not_counted():
    subject, n = drawn(n_runs=1), 40
    tokens, targets = subject.dataset.stream.examples("held out", 0, n)
    pattern = forward(subject.params, tokens, subject.model).pattern[0]
    for role in head_roles(subject, n=n):
        before = [
            pattern[role.layer, role.head, row, query, query - 1]
            for row in range(n)
            for query in range(1, 7)
            if targets[row, query] >= 0 or role.layer == 0
        ]
        assert role.queries["previous_token"] == len(before) == n * (6, 4)[role.layer]
        assert role.scores["previous_token"] == pytest.approx(np.mean(before))
        assert head_sentences(role)[0].startswith("Where something is asked, head 1." if role.layer else "Head 0.")


def test_examples_come_in_pieces_and_those_of_a_corpus_are_its_sentences(monkeypatch):
    from headlab.analysis.looking import head_roles as module

    whole = held_out_scores(drawn(), 100)
    monkeypatch.setattr(module, "NUMBERS_AT_A_TIME", 5000)
    assert held_out_scores(drawn(), 100).to_numpy() == pytest.approx(whole.to_numpy(), abs=1e-12, nan_ok=True)
    notebook = hl.tasks["notebook"].dataset
    (only,) = held_out(notebook, 512, at_a_time=100)
    assert np.array_equal(only.tokens, notebook.corpus.tokens)


def test_what_a_head_reads_most_is_counted_as_a_reader_would():
    subject, n = drawn(n_runs=1), 50
    tokens, targets = subject.dataset.stream.examples("held out", 0, n)
    pattern = forward(subject.params, tokens, subject.model).pattern[0]
    for role in head_roles(subject, n=n):
        total, share, even = 0.0, {}, {}
        for row in range(n):
            for query in range(7):
                if role.asked_alone and targets[row, query] < 0:
                    continue
                for key in range(query + 1):
                    attention = pattern[role.layer, role.head, row, query, key]
                    for what in (
                        ("positions", key),
                        ("distances", query - key),
                        ("tokens", "abcdef"[tokens[row, key]]),
                    ):
                        share[what] = share.get(what, 0) + attention
                        even[what] = even.get(what, 0) + 1 / (query + 1)
                total += 1
        for name in ("positions", "distances", "tokens"):
            beyond = {what: (share[name, what] - even[name, what]) / total for kind, what in share if kind == name}
            most = max(beyond, key=lambda what: beyond[what])
            first = getattr(role, name)[0]
            assert first.what == most
            assert first.share == pytest.approx(share[name, most] / total)
            assert first.even == pytest.approx(even[name, most] / total)


def test_a_place_holds_the_answer_where_the_query_sees_its_target():
    batch = Batch([[0, 1, 0, 2]], [[-1, 2, 0, 1]], [[0, 1, 1, 1]], 3)
    where, queries = places_on(batch, TWO)["answer"]
    assert np.argwhere(where[0]).tolist() == [[2, 0], [2, 2], [3, 1]]
    assert queries[0].tolist() == [False, False, True, True]
    everywhere, _ = places_on(batch, TWO.replace(causal=False))["answer"]
    assert everywhere[0, 1].tolist() == [False, False, False, True]


def test_of_pairs_the_asked_key_is_the_first_token_that_is_the_querys_second():
    pairs = np.array([[0, 2 * 4 + 3, 3 * 4 + 2, 1 * 4 + 3]])  # (0, 0) (2, 3) (3, 2) and the question (1, 3)
    batch = Batch(pairs, [[-1, -1, -1, 2]], [[0, 0, 0, 1]], 16, 4)
    found = places_on(batch, ModelConfig(d_model=4, unembed=True, pairs=True, causal=False, positions=False))
    assert found["asked_key"][0][0, 3].tolist() == [False, False, True, False]
    assert found["answer"][0][0, 3].tolist() == [False, False, True, False]


def test_a_norm_counts_by_its_gain_and_changes_no_order_of_what_a_token_adds():
    """Where the stream is one token alone, what a head adds to the logits is its circuit times a number of the place."""
    model = TWO.replace(n_layers=1, n_heads=1, positions=False, norm="layer", norm_final=True)
    subject = drawn(n_runs=1, model=model)
    rng = np.random.default_rng(0)
    params = subject.params.replace(
        ln1_w=rng.normal(size=(1, 1, 8)), ln_final_w=rng.normal(size=(1, 8)), W_U=rng.normal(size=(1, 8, 6))
    )
    first, last = token_circuit(params, model)
    table = (first @ last)[0, 0, 0]
    found = forward(params, np.arange(6)[:, None], model)
    final = found.resid_post[0, 0, :, 0]
    size = np.sqrt(final.var(axis=-1) + 1e-5)
    before = np.sqrt(params.W_E[0].var(axis=-1) + 1e-5)
    written = found.attn_out[0, 0, :, 0]
    added = (written - written.mean(-1, keepdims=True)) / size[:, None] * params.ln_final_w[0] @ params.W_U[0]
    assert added == pytest.approx(table / before[:, None] / size[:, None])


def test_an_even_look_scores_1_as_one_and_what_chance_gives_elsewhere():
    subject = drawn(n_runs=1, scale=1.0)
    zero = subject.params.replace(W_Q=np.zeros_like(subject.params.W_Q))
    tokens, targets = subject.dataset.stream.examples("held out", 0, 80)
    for role in head_roles(Subject(zero, subject.dataset, subject.model), n=80):
        assert role.scores == pytest.approx(dict(role.evenly))
        assert role.scores["even_look"] == pytest.approx(1)
        queries = 80 * (4 if role.asked_alone else 6)  # the first sees one place alone; the last four have a target
        assert role.queries["even_look"] == queries
        assert head_sentences(role)[0].endswith(
            f"1.00 of its attention is as an even look would have it (over {queries} queries)."
        )
    others = [
        sum(tokens[row, key] == tokens[row, query] for key in range(query)) / (query + 1)
        for row in range(80)
        for query in range(7)
        if targets[row, query] >= 0 and tokens[row, query] in tokens[row, :query]  # of the last role, in the last layer
    ]
    assert role.evenly["duplicate_token"] == pytest.approx(np.mean(others))
    answers = [
        sum(tokens[row, key] == targets[row, query] for key in range(query + 1)) / (query + 1)
        for row in range(80)
        for query in range(7)
        if targets[row, query] >= 0 and targets[row, query] in tokens[row, : query + 1]
    ]
    assert role.scores["answer"] == pytest.approx(np.mean(answers))


def test_copying_is_no_number_where_logits_are_not_the_tokens():
    model = TWO.replace(d_vocab_out=6)
    assert np.isnan(copying(drawn(n_runs=1).params, model)).all()
    assert token_circuit(drawn(n_runs=1).params, TWO.replace(norm="layer", norm_after=True)) is None


def test_a_head_of_no_kind_is_said_to_be_of_none():
    role = head_roles(drawn(n_runs=1, scale=0.01), n=50)[0]
    none = replace(role, scores=dict.fromkeys(role.scores, 0.3))
    assert head_sentences(none)[0].startswith(
        "Head 0.0 is of no kind that is known: it gives at most 0.30 of its attention to "
    )
    half = replace(none, scores={**none.scores, "even_look": 0.89})
    assert "alike" not in head_sentences(half)[0]
    by_chance = replace(none, scores={**none.scores, "answer": 0.6}, evenly={**none.evenly, "answer": 0.5})
    assert "no kind" in head_sentences(by_chance)[0]
