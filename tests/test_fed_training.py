"""Training on batches that are drawn: the kernel against the same updates written once more, on the data of a stream."""

from collections import Counter
from functools import lru_cache

import autograd
import numpy as np
import pytest
from plain_model import BLOCK_MODELS, cut, loss_of, sizes_of

import headlab as hl
from headlab import Phase, Plateau, TrainConfig, engine
from headlab.data.dataset import Dataset
from headlab.data.stream import Stream
from headlab.engine.feeding import pieces
from headlab.model.forward import forward

ON_BOTH_BACKENDS = True
VOCABULARY = ("a", "b", "c", "d", "e")
MODEL = hl.ModelConfig(d_head=3, d_model=4, unembed=True, factored_values=True)


def copies(draws, size):
    """Sequences of two to four letters; after each comes the first one again, and nothing after the first."""
    letters = draws.integers(len(VOCABULARY), 4)
    length = 2 + draws.integers(3 if size is None else size, 1)
    tokens = np.where(np.arange(4) < length, letters, -1)
    targets = np.where((np.arange(4) > 0) & (tokens >= 0), tokens[:, :1], -1)
    return tokens, targets


def table(seed):
    """A table of 23 examples."""
    return STREAM.examples("test", 0, 23, seed)


STREAM = Stream(copies, VOCABULARY, n_ctx=4, name="copies")


def job(model=MODEL, stream=STREAM, **training) -> engine.Job:
    fields = {"dtype": "float64", "batch_size": 6, "learning_rate": 0.1, **training}
    return engine.Job.of(Dataset.from_stream(stream, "copies"), model, TrainConfig(**fields))


def started(of: engine.Job, n_runs: int = 3, scale: float = 3.0) -> np.ndarray:
    return scale * engine.initial_flat(of, np.arange(n_runs, dtype=np.uint64))


class Plain:
    """One run's training, step by step, as the sentences of `TrainConfig` have it."""

    def __init__(self, of: engine.Job, weights: np.ndarray, stream: Stream = STREAM) -> None:
        self.job, self.w, self.stream = of, weights.copy(), stream
        self.m, self.v, self.t = np.zeros_like(weights), np.zeros_like(weights), 0
        self.rates, self.losses, self.evaluations, self.stopped = [], [], [], None
        self.sizes = sizes_of(of.model, of.d_vocab, of.n_ctx)
        self.gradient = autograd.value_and_grad(self.loss)

    def loss(self, flat, tokens, targets):
        width = self.job.n_ctx - tokens.shape[1]
        tokens, targets = (np.pad(ids, ((0, 0), (0, width)), constant_values=-1) for ids in (tokens, targets))
        return loss_of(flat, tokens, targets, np.ones(targets.shape), self.job.model, self.job.d_vocab)

    def mask(self, names):
        flags = {name: np.full(shape, names is None or name in names, float) for name, shape in self.sizes.items()}
        return np.concatenate([flags[name].ravel() for name in self.sizes])

    def run(self) -> "Plain":
        training = self.job.training
        first, rate, best, wait, step, reached = 0, training.learning_rate, np.inf, 0, 0, 0
        for number, phase in enumerate(training.phases):
            now = training.settings(number)
            if "learning_rate" in phase.changes:
                rate = now.learning_rate
            if phase.plateau is not None:
                best, wait = np.inf, 0
            if phase.reset:
                self.m, self.v, self.t = np.zeros_like(self.w), np.zeros_like(self.w), 0
            for at in range(phase.steps):
                if training.evaluate_every and step % training.evaluate_every == 0:
                    loss, right = self.evaluate()
                    reached = reached + 1 if training.stop_at is not None and right >= training.stop_at else 0
                    if training.stop_at is not None and reached >= training.stop_count:
                        self.stopped = step
                        return self
                    if phase.plateau is not None and phase.plateau.on == "held_out":
                        best, wait, rate = self.watch(phase.plateau, loss, best, wait, rate)
                tokens, targets = self.stream.examples("train", first, now.batch_size, training.data_seed, phase.size)
                first += now.batch_size
                self.rates.append(phase.rate_at(at, rate))
                loss, gradient = self.gradient(self.w, tokens, targets)
                self.losses.append(loss)
                self.update(now, gradient, self.rates[-1])
                if phase.plateau is not None and phase.plateau.on == "training":
                    best, wait, rate = self.watch(phase.plateau, loss, best, wait, rate)
                step += 1
        if training.evaluate_every:
            self.evaluate()
        return self

    def evaluate(self):
        training = self.job.training
        tokens, targets = self.stream.examples("held out", 0, training.evaluate_on, training.data_seed)
        params = hl.Params(**cut(self.w, self.sizes))
        found = forward(params, tokens, self.job.model).logits.argmax(-1) == targets
        there = targets >= 0
        sequences = self.stream.counts == "sequences"
        right = (found | ~there)[there.any(1)].all(1).mean() if sequences else found[there].mean()
        self.evaluations.append((float(self.loss(self.w, tokens, targets)), right))
        return self.evaluations[-1]

    @staticmethod
    def watch(plateau, loss, best, wait, rate):
        if loss < best - plateau.min_delta:
            return loss, 0, rate
        if wait + 1 < max(plateau.patience, 1):
            return best, wait + 1, rate
        return best, 0, max(rate * plateau.factor, plateau.min_rate)

    def update(self, now, gradient, rate):
        if now.clip is not None:
            gradient = gradient * min(1.0, now.clip / np.sqrt((gradient**2).sum()))
        shrinks = self.mask(now.decayed)
        gradient = gradient + now.l2 * shrinks * self.w
        if now.optimizer == "sgd":
            self.w = self.w - rate * gradient
            return
        self.t += 1
        self.m += (1 - now.beta_1) * (gradient - self.m)
        self.v += (1 - now.beta_2) * (gradient**2 - self.v)
        if now.optimizer == "adamw":
            self.w = self.w - rate * now.weight_decay * shrinks * self.w
        correction = np.sqrt(1 - now.beta_2**self.t) / (1 - now.beta_1**self.t)
        self.w = self.w - rate * correction * self.m / (np.sqrt(self.v) + now.epsilon)


WAYS = {
    "steady": {"phases": (Phase(30),)},
    "cosine": {"phases": (Phase(30, rate="cosine", end_rate=0.01),)},
    "linear, an epoch at a time, warmed up": {"phases": (Phase(30, rate="linear", rate_every=7, warmup=5),)},
    "adam with L2": {"optimizer": "adam", "learning_rate": 0.01, "l2": 0.3, "phases": (Phase(30),)},
    "adamw by groups, clipped": {
        "optimizer": "adamw", "learning_rate": 0.01, "weight_decay": 0.5, "decayed": ("W_Q", "W_U"), "clip": 0.2,
        "phases": (Phase(30),),
    },
    "stages with a reset": {
        "optimizer": "adam", "learning_rate": 0.02,
        "phases": (Phase(10, size=1), Phase(12, reset=True, changes={"batch_size": 3, "learning_rate": 0.01}, size=2), Phase(8)),
    },
    "plateau on each loss": {"phases": (Phase(30, Plateau(factor=0.5, patience=2, min_delta=0.05)),)},
    "plateau on what is held out": {
        "phases": (Phase(30, Plateau(factor=0.5, patience=2, min_delta=0.3, on="held_out")),), "evaluate_every": 3,
        "evaluate_on": 50,
    },
    "stops": {
        "learning_rate": 0.05, "optimizer": "adam", "phases": (Phase(60),), "evaluate_every": 5, "evaluate_on": 40,
        "stop_at": 0.6, "stop_count": 2,
    },
}  # fmt: skip


@lru_cache(maxsize=3 * len(WAYS))
def written_once_more(name: str, weights: bytes) -> Plain:
    """One run's training in one of the ways, from the bytes of its weights; every backend is held to the same."""
    return Plain(job(**WAYS[name]), np.frombuffer(weights)).run()


@pytest.mark.parametrize("name", WAYS)
def test_a_training_is_its_updates_written_once_more(name):
    of = job(**WAYS[name])
    weights = started(of, 3 if name == "stops" else 2)
    found = engine.train_flat(of, weights, record_steps=range(of.training.steps))
    for run in range(len(weights)):
        plain = written_once_more(name, weights[run].tobytes())
        n = len(plain.losses)
        np.testing.assert_allclose(found.loss[run, :n], plain.losses, rtol=1e-9)
        np.testing.assert_allclose(found.rate[run, :n], plain.rates, rtol=1e-12)
        np.testing.assert_allclose(found.weights[run], plain.w, rtol=1e-7, atol=1e-9)
        if plain.evaluations:
            seen = len(plain.evaluations)
            np.testing.assert_allclose(
                found.held_out.loss[run, :seen], [loss for loss, _ in plain.evaluations], rtol=1e-9
            )
            np.testing.assert_allclose(
                found.held_out.right[run, :seen], [right for _, right in plain.evaluations], rtol=1e-12
            )
            assert np.isnan(found.held_out.loss[run, seen:]).all()
        assert (found.stopped[run], found.outcome[run]) == (
            (plain.stopped, -3) if plain.stopped is not None else (-1, -1)
        )
        assert np.isnan(found.loss[run, n:]).all()
    if name == "stops":
        assert (found.outcome == engine.STOPPED).any()
        assert len(set(found.stopped.tolist())) > 1


def everything(found: engine.Trained) -> list[np.ndarray]:
    kept = [
        found.weights,
        found.loss,
        found.rate,
        found.final_loss,
        found.outcome,
        found.stopped,
        *found.state.arrays().values(),
    ]
    return kept if found.held_out is None else [*kept, found.held_out.loss, found.held_out.right]


def assert_same(some, others):
    for a, b in zip(some, others, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "name", ["adamw by groups, clipped", "stages with a reset", "stops", "plateau on what is held out"]
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_run_depends_on_nothing_but_its_start_and_the_data(name, dtype, monkeypatch):
    of = job(**WAYS[name], dtype=dtype)
    weights, steps = started(of, 7).astype(dtype), range(of.training.steps)
    together = everything(engine.train_flat(of, weights, record_steps=steps))
    ways = [
        {"threads": 1},
        {"threads": 3},
        {"stretch": 1},
        {"stretch": 4, "threads": 2},
        {"at_once": 1},
        {"at_once": 2},
    ]
    for way in ways:
        assert_same(together, everything(engine.train_flat(of, weights, record_steps=steps, **way)))
    for run in (0, 4):
        alone = everything(engine.train_flat(of, weights[run : run + 1], record_steps=steps))
        assert_same([array[run : run + 1] for array in together], alone)
    monkeypatch.setattr("headlab.engine.feeding.PLACES", 50)  # a few steps at a time
    assert_same(together, everything(engine.train_flat(of, weights, record_steps=steps)))


@pytest.mark.parametrize("name", WAYS)
def test_trained_in_parts_is_trained_in_one(name):
    fields = {**WAYS[name], "batch_size": 6, "learning_rate": WAYS[name].get("learning_rate", 0.1)}
    whole, data = TrainConfig(**fields), Dataset.from_stream(STREAM, "copies")
    runs = hl.train(data, MODEL, whole, seeds=range(3))
    at = 13 if len(whole.phases) == 1 else 10
    fork = whole.forked(at) if len(whole.phases) == 1 else whole
    first = whole.replace(phases=fork.phases[:1])
    parts = hl.resume(hl.train(data, MODEL, first, seeds=range(3)), fork.phases[1:])
    np.testing.assert_array_equal(parts.params.flat(), runs.params.flat())
    np.testing.assert_array_equal(parts.loss, runs.loss)
    assert parts.history.sentences() == runs.history.sentences()
    if runs.history.held_out is not None:
        for field in ("steps", "loss", "right"):
            np.testing.assert_array_equal(getattr(parts.history.held_out, field), getattr(runs.history.held_out, field))


@pytest.mark.parametrize("name", ["MLP", "LayerNorm", "biases, factored", "everything, after"])
def test_a_model_with_any_block_trains_on_drawn_data(name):
    of = job(model=BLOCK_MODELS[name], optimizer="adam", learning_rate=0.01, phases=(Phase(40),))
    found = engine.train_flat(of, engine.initial_flat(of, np.arange(3, dtype=np.uint64)), record_steps=range(40))
    assert (found.outcome == engine.FINISHED).all()
    assert (found.loss[:, -5:].mean(1) < found.loss[:, :5].mean(1)).all()


def test_no_steps_are_the_loss_of_the_weights_as_they_are():
    of = job(batch_size=None, phases=())
    weights = started(of)
    found = engine.train_flat(of, weights)
    np.testing.assert_array_equal(found.weights, weights)
    assert np.isfinite(found.final_loss).all()


def test_a_fork_that_changes_nothing_is_the_training_itself():
    of = job(optimizer="adam", phases=(Phase(30, rate="cosine", warmup=4),))
    weights = started(of)
    for at in (3, 17):
        fork = job(optimizer="adam", phases=of.training.forked(at).phases)
        np.testing.assert_array_equal(engine.train_flat(fork, weights).weights, engine.train_flat(of, weights).weights)


def test_each_run_may_have_data_of_its_own_from_its_seed():
    of = job(data_per_run=True, data_seed=100, phases=(Phase(8),), evaluate_every=4)
    weights, seeds = started(of), np.array([5, 0, 9], np.uint64)
    found = engine.train_flat(of, weights, record_steps=range(8), seeds=seeds)
    for run, seed in enumerate(seeds):
        alone = job(data_seed=100 + int(seed), phases=(Phase(8),), evaluate_every=4)
        one = engine.train_flat(alone, weights[run : run + 1], record_steps=range(8))
        assert_same([array[run : run + 1] for array in everything(found)], everything(one))


def test_a_table_is_seen_once_an_epoch():
    seen = []
    stream = Stream(copies, VOCABULARY, n_ctx=4, table=table, name="table")
    of = job(stream=stream, batch_size=5, phases=(Phase(3), Phase(9)))
    for piece in pieces(of, 0, of.training.data_seed):
        seen += [tuple(row) for row in piece.tokens.reshape(-1, 4).tolist()]
    rows = [tuple(row) for row in table(0)[0].tolist()]
    for epoch in range(3):
        of_epoch = seen[20 * epoch : 20 * epoch + 20]
        assert len(of_epoch) == 20
        assert not Counter(of_epoch) - Counter(rows)
    assert seen[:20] != seen[20:40]


def test_a_run_that_reached_its_goal_says_so_everywhere(tmp_path):
    data = Dataset.from_stream(STREAM, "copies")
    training = TrainConfig(**WAYS["stops"], batch_size=6)
    runs = hl.train(data, MODEL, training, seeds=range(4))
    step = runs.history.ended_at[runs.history.stopped]
    assert len(step) > 0
    assert runs.history.finished.all()
    assert f"reached its goal at step {step[0]}" in runs.history.sentences()
    runs.save(tmp_path / "runs")
    again = hl.Runs.load(tmp_path / "runs")
    assert again.history.sentences() == runs.history.sentences()
    np.testing.assert_array_equal(again.history.held_out.right, runs.history.held_out.right)
    assert np.isfinite(runs.final_loss).all()
    last = [row[np.isfinite(row)][-1] for row in runs.history.held_out.right]
    np.testing.assert_array_equal(runs.table()["held_out"], last)
    assert "held_out" not in hl.train(hl.Corpus.notebook(), training=TrainConfig.of(steps=1)).table()


REFUSED = {
    "batch_size must say how many examples a step sees": {"batch_size": None},
    "stop_count must be at most the 3 evaluations of 10 steps, got 4": {
        "phases": (Phase(10),), "evaluate_every": 5, "stop_at": 1.0, "stop_count": 4,
    },
    "decayed names W_pos, which the model has not": {"optimizer": "adamw", "decayed": ("W_pos",)},
}  # fmt: skip


@pytest.mark.parametrize("said", REFUSED)
def test_what_cannot_be_is_said_before_training(said):
    model = hl.ModelConfig(d_head=3, positions=False)
    with pytest.raises(hl.ConfigError, match=said):
        job(model=model, **REFUSED[said])


def test_a_corpus_is_one_batch_and_takes_nothing_that_draws():
    with pytest.raises(hl.ConfigError) as refused:
        hl.train(hl.Corpus.notebook(), training=TrainConfig(batch_size=3, evaluate_every=2))
    assert [problem.field for problem in refused.value.problems] == ["batch_size", "evaluate_every"]


def test_a_batch_larger_than_its_table_is_refused():
    stream = Stream(copies, VOCABULARY, n_ctx=4, table=table, name="table")
    for ways in (
        {"batch_size": 24, "phases": (Phase(3),)},
        {"phases": (Phase(3), Phase(3, changes={"batch_size": 24}))},
    ):
        with pytest.raises(hl.ConfigError, match="batch_size must be at most the 23 examples of the table, got 24"):
            job(stream=stream, **ways)


def test_a_sampler_that_raises_ends_the_training_with_its_sentence():
    def fails(draws, size):
        if draws.first > 100:
            raise ValueError("no more letters")
        return copies(draws, size)

    of = job(stream=Stream(fails, VOCABULARY, n_ctx=4, name="fails"), phases=(Phase(80_000),))
    with pytest.raises(hl.CorpusError, match="no more letters"):
        engine.train_flat(of, started(of))


def test_a_batch_that_no_memory_holds_is_refused_before_anything_is_drawn():
    model, data = hl.ModelConfig(d_head=512, d_model=512, unembed=True), Dataset.from_stream(STREAM, "copies")
    with pytest.raises(hl.ConfigError, match=r"must fit in the memory that is free.*take smaller batches"):
        hl.train(data, model, TrainConfig(batch_size=2**20, phases=(Phase(2),)), seeds=range(16), snapshots=None)


def test_no_run_at_all_is_flat_weights_of_none():
    runs = hl.train(hl.Corpus.notebook(), training=TrainConfig.of(steps=1), seeds=range(2))
    none = runs[np.zeros(2, bool)]
    assert none.params.flat().shape == (0, runs.params.flat().shape[1])
    assert len(none.table()) == 0
