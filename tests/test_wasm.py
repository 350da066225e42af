"""The kernel as a module of WebAssembly: which backend is asked, its memory and bits, how a training on it is cut and ends."""

import os
import subprocess
import sys
import threading
from importlib import util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from backends import without_wasmtime
from golden import FEW, SETTINGS, Golden, sha256

import headlab as hl
from headlab import engine
from headlab.engine import backend, cost, look
from headlab.engine.look import Case, Change, Look
from headlab.engine.problem import fitting_instruction_set
from headlab.errors import ModuleFull

pytestmark = without_wasmtime
CORPUS = hl.Corpus.notebook()
SHORT = hl.TrainConfig.of(steps=40)


@pytest.fixture(autouse=True)
def wasm(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Every request of a test goes to the module; return what gives it to another backend."""
    monkeypatch.setenv("HEADLAB_BACKEND", "wasm")
    monkeypatch.delenv("HEADLAB_INSTRUCTION_SET", raising=False)
    return lambda name: monkeypatch.setenv("HEADLAB_BACKEND", name)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return how a test makes instances fresh, and small: of so many bytes at most."""
    from headlab.engine.wasm import module

    def limit(size: int) -> None:
        start = module.Instance._start

        def limited(self: Any, *given: Any) -> None:
            start(self, *given)
            self._store.set_limits(memory_size=size)

        monkeypatch.setattr(module.Instance, "_start", limited)
        monkeypatch.setattr(module, "_idle", type(module._idle)())

    return limit


def flat(runs: hl.Runs) -> Any:
    return runs.params.flat()


@pytest.mark.parametrize("golden", SETTINGS, ids=lambda golden: golden.name)
def test_a_named_setting_has_its_hash(golden: Golden) -> None:
    assert sha256(golden.train(range(FEW))) == golden.sha256["few"]


def test_backend_and_instruction_set_are_those_that_are_asked_for(wasm: Any, run: Any) -> None:
    assert (engine.chosen_backend(), engine.instruction_sets()) == ("wasm", ["simd128"])
    assert (backend.kernel().lanes("simd128", False), backend.kernel().lanes("simd128", True)) == (4, 2)
    assert run("--version") == (0, f"headlab {hl.__version__}, wasm (simd128)\n", "")
    if util.find_spec("headlab.engine._native"):
        wasm("native")
        assert engine.instruction_sets()[-1] == "generic"
        assert run("--version") == (0, f"headlab {hl.__version__}, native ({engine.instruction_sets()[0]})\n", "")


def test_an_empty_word_asks_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HEADLAB_BACKEND", "HEADLAB_INSTRUCTION_SET"):
        monkeypatch.delenv(name, raising=False)
    usual = engine.chosen_backend(), engine.chosen_instruction_set(), fitting_instruction_set(1, False)
    for name in ("HEADLAB_BACKEND", "HEADLAB_INSTRUCTION_SET"):
        monkeypatch.setenv(name, "")
    assert (engine.chosen_backend(), engine.chosen_instruction_set(), fitting_instruction_set(1, False)) == usual


def test_backend_that_is_not_there_is_refused_in_a_sentence(
    wasm: Any, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    wasm("webgpu")
    said = "HEADLAB_BACKEND must be one of native, wasm, got 'webgpu'"
    assert run("--version") == (2, "", f"headlab: {said}\n")
    with pytest.raises(hl.ConfigError, match=said):
        hl.train(CORPUS, training=SHORT)
    monkeypatch.setattr(backend, "find_spec", lambda name: None)
    backend._missing.cache_clear()
    try:
        for name, to_do in (("wasm", "pip install wasmtime"), ("native", r"where there is a C\+\+ compiler")):
            wasm(name)
            with pytest.raises(hl.ConfigError, match=f"the {name} backend must .*: .*{to_do}"):
                hl.train(CORPUS, training=SHORT)
    finally:
        backend._missing.cache_clear()
    monkeypatch.undo()
    monkeypatch.setenv("HEADLAB_BACKEND", "wasm")
    monkeypatch.setenv("HEADLAB_INSTRUCTION_SET", "avx2")
    with pytest.raises(hl.ConfigError, match="HEADLAB_INSTRUCTION_SET must be one of simd128, got 'avx2'"):
        engine.chosen_instruction_set()


def test_nothing_is_compiled_before_it_is_used() -> None:
    code = "import sys, headlab as hl; hl.train; print([name for name in sys.modules if 'wasm' in name])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.skipif(util.find_spec("headlab.engine._native") is None, reason="there is no native kernel here")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_looks_equal_native_ones_to_the_bit_in_any_parts(
    dtype: str, wasm: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shape, rng = hl.ModelConfig(n_layers=2, n_heads=2).on(CORPUS), np.random.default_rng(1)
    weights = rng.normal(size=(37, shape.n_weights)).astype(dtype)
    given = rng.random((37, 2, 2, 5, 5))
    changes = (Change("z", "zero", layer=0), Change("pattern", "given", given=given), Change("resid", "mean", at=1))
    cases = [Case(0, changes, at=3), Case(1, at=2), Case(1, (Change("token", "from", donor=0),), at=4)]
    from headlab.engine.wasm import spread

    found = []
    for name, most in (("native", 0), ("wasm", spread.MOST_BYTES), ("wasm", 2000)):
        wasm(name)
        monkeypatch.setattr(spread, "MOST_BYTES", most)
        looked = Look(CORPUS.batch, shape, weights, threads=2)
        found.append((looked.logits(cases), looked.patterns(cases)))
    for other in found[1:]:
        for expected, array in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(expected, array)


def test_arrays_that_do_not_fit_are_refused_as_natively() -> None:
    shape = hl.ModelConfig().on(CORPUS)
    for weights in (np.zeros((2, shape.n_weights + 1)), np.zeros((2, shape.n_weights), np.float16)):
        with pytest.raises(ValueError, match=r"weights must have \d+ elements of the expected dtype"):
            Look(CORPUS.batch, shape, weights).logits([Case(0, at=1)])
    with pytest.raises(ValueError, match="the sequence of a case must be in the batch"):
        Look(CORPUS.batch, shape, np.zeros((2, shape.n_weights))).logits([Case(7, at=1)])


def test_many_runs_with_their_history_train_in_a_small_memory(small: Any) -> None:
    full = hl.ModelConfig(d_head=14)  # snapshots of wider heads are made afterwards
    expected = hl.train(CORPUS, full, SHORT, seeds=range(300), record="all", snapshots=range(40), threads=2)
    assert expected.snapshots.nbytes > 5 << 20
    small(3 << 20)
    found = hl.train(CORPUS, full, SHORT, seeds=range(300), record="all", snapshots=range(40), threads=2)
    np.testing.assert_array_equal(found.snapshots, expected.snapshots)
    np.testing.assert_array_equal(found.loss, expected.loss)


def test_full_memory_is_a_memory_error_and_leaves_everything_as_it_was(small: Any) -> None:
    small(2 << 20)
    threads_before = threading.active_count()
    wide = hl.Corpus.from_ids([[(31 * i + 7 * j) % 200 for j in range(16)] for i in range(20)])
    job = engine.Job.of(wide, hl.ModelConfig(), hl.TrainConfig.of(steps=3))
    weights = np.zeros((9, job.shape.n_weights), np.float32)
    before = weights.copy()
    with pytest.raises(ModuleFull, match="there must be memory for the work on one group of runs, at most 512 MiB"):
        engine.train_flat(job, weights, threads=2)
    np.testing.assert_array_equal(weights, before)
    with pytest.raises(MemoryError):
        engine.loss_and_gradient(job, weights)
    assert threading.active_count() == threads_before
    assert len(hl.train(CORPUS, training=SHORT, seeds=range(9))) == 9


def test_the_command_line_says_what_to_do_about_a_full_module(small: Any, run: Any, tmp_path: Path) -> None:
    small(2 << 20)
    Path("many.txt").write_text(
        "\n".join(" ".join(f"w{31 * i + 7 * j}" for j in range(16)) for i in range(20)), encoding="utf-8"
    )
    status, _, said = run("train", "many.txt", "--steps", "3")
    assert (status, said.splitlines()[-1].split(": ")[-1]) == (
        1,
        "take a smaller model or corpus, or the native backend",
    )


def test_instances_are_used_again_unless_they_grew_large(monkeypatch: pytest.MonkeyPatch) -> None:
    from headlab.engine.wasm import module

    monkeypatch.setattr(module, "_idle", type(module._idle)())
    expected = flat(hl.train(CORPUS, training=SHORT, seeds=range(40), threads=1))
    assert len(module._idle) == 1
    assert np.array_equal(flat(hl.train(CORPUS, training=SHORT, seeds=range(40), threads=1)), expected)
    assert len(module._idle) == 1
    monkeypatch.setattr(module, "KEPT_BYTES", 0)
    hl.train(CORPUS, training=SHORT, seeds=range(40), threads=1)
    assert len(module._idle) == 0


def test_exception_in_the_middle_throws_the_instance_away(monkeypatch: pytest.MonkeyPatch) -> None:
    from headlab.engine.wasm import module

    hl.train(CORPUS, training=SHORT)
    module._idle.clear()
    seen, threads_before = [], threading.active_count()

    def stop(share: float) -> None:
        seen.append(share)
        raise OSError("enough")

    with pytest.raises(OSError, match="enough"):
        hl.train(
            CORPUS, training=hl.TrainConfig.of(steps=10**7), seeds=range(8), threads=2, progress=stop, record="none"
        )
    assert (len(seen), len(module._idle), threading.active_count()) == (1, 0, threads_before)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_child_of_a_fork_trains_the_same() -> None:
    expected = flat(hl.train(CORPUS, training=SHORT, seeds=range(30), threads=2))
    child = os.fork()
    if child == 0:
        same = False
        try:
            same = np.array_equal(flat(hl.train(CORPUS, training=SHORT, seeds=range(30), threads=2)), expected)
        finally:
            os._exit(0 if same else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_cut_training_with_threads_leaves_what_one_stretch_does() -> None:
    job = engine.Job.of(CORPUS, hl.ModelConfig(d_head=160), hl.TrainConfig.of(steps=90, momentum=0.5))
    weights = engine.initial_flat(job, np.arange(50, dtype=np.uint64))
    kept: dict[str, Any] = {"record_steps": range(90), "snapshot_steps": [0, 30, 90], "threads": 2}
    whole, cut = engine.train_flat(job, weights, **kept), engine.train_flat(job, weights, stretch=7, **kept)
    for name in ("weights", "loss", "rate", "final_loss", "snapshots", "outcome"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(cut, name))
    for name, array in whole.state.arrays().items():
        np.testing.assert_array_equal(array, cut.state.arrays()[name])


def test_what_a_training_takes_is_told_of_this_backend(wasm: Any) -> None:
    job = engine.Job.of(CORPUS, hl.ModelConfig(d_head=10), hl.TrainConfig.of())
    said = cost.seconds(job, 1000, 1)
    if util.find_spec("headlab.engine._native"):
        wasm("native")
        assert 1.5 < said / cost.seconds(job, 1000, 1) < 20


def test_wheels_have_the_module() -> None:
    folder = Path(look.__file__).parent
    assert (folder / "kernel.wasm").read_bytes()[:4] == b"\0asm"


def test_calls_are_the_same_where_this_wasmtime_is_made_otherwise_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    from headlab.engine.wasm import functions, module

    assert isinstance(module.Instance()._functions["hl_size"], functions._Prepared)
    expected = flat(hl.train(CORPUS, training=SHORT, seeds=range(5)))

    def other(*given: Any) -> None:
        raise AttributeError("no wasmtime_val_t")

    monkeypatch.setattr(functions._Prepared, "__init__", other)
    monkeypatch.setattr(module, "_idle", type(module._idle)())
    assert not isinstance(module.Instance()._functions["hl_size"], functions._Prepared)
    assert np.array_equal(flat(hl.train(CORPUS, training=SHORT, seeds=range(5))), expected)


@pytest.mark.skipif(sys.platform != "linux", reason="limits are tested where CI runs")
def test_instances_are_had_where_no_file_may_be_written() -> None:
    code = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)); from headlab.engine import backend; "
    code += "print(backend.kernel().lanes('simd128', True))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "2\n"
