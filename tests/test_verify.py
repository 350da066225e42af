"""`headlab verify`: it agrees where the bits are the golden ones, and says so of nothing else."""

import hashlib
import json
import signal
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from golden import FILE
from strict import strict

import headlab as hl
from headlab import engine
from headlab.cli.terminal import show
from headlab.engine import instruction_sets
from headlab.report.terminal.verification import verification_blocks
from headlab.runs import verify as module

GOLDEN = {setting["name"]: setting["sha256"]["many"] for setting in FILE["settings"]}
QUICK = ("d_head 1", "diverges")
SETS = instruction_sets()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave two settings to verify."""
    monkeypatch.setattr(module, "SETTINGS", [setting for setting in module.SETTINGS if setting.name in QUICK])


def test_all_settings_agree_here_and_json_has_what_a_report_needs(run: Any) -> None:
    status, out, err = run("verify", "--json")
    said = strict(out)
    assert (status, said["agree"], said["differ"]) == (0, True, [])
    assert "other" not in err
    assert said["hashes"] == said["golden"] == GOLDEN
    assert (said["headlab"], said["numerics"], said["seeds"]) == (hl.__version__, FILE["numerics"], 64)
    assert said["instruction_set"] == SETS[0]
    text = ("backend", "processor", "platform", "python", "numpy")
    assert all(isinstance(said[name], str) and said[name] for name in text)
    assert 0 < said["seconds"] < 600
    assert said["threads"] >= 1


@pytest.mark.usefixtures("quick")
def test_every_instruction_set_is_verified_side_by_side(run: Any) -> None:
    status, out, _ = run("verify", "--all", "--json")
    assert status == 0
    assert [one["instruction_set"] for one in strict(out)] == SETS
    assert all(one["hashes"] == {name: GOLDEN[name] for name in QUICK} for one in strict(out))


@pytest.mark.usefixtures("quick")
@pytest.mark.skipif(find_spec("wasmtime") is None, reason="wasmtime is not installed")
def test_the_backend_that_is_named_is_the_one_that_is_verified(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADLAB_BACKEND", "wasm")
    status, out, _ = run("verify", "--json")
    said = strict(out)
    assert (status, said["backend"], said["instruction_set"], said["agree"]) == (0, "wasm", "simd128", True)
    assert run("verify")[1].startswith(f"headlab {hl.__version__}, wasm (simd128), numerics 2, on ")


@pytest.mark.long
@pytest.mark.skipif(find_spec("wasmtime") is None, reason="wasmtime is not installed")
def test_the_module_takes_no_more_than_thirty_seconds_of_two_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADLAB_BACKEND", "wasm")
    before = time.process_time()
    assert hl.verify().hashes == GOLDEN
    assert time.process_time() - before < 60


@pytest.mark.long
def test_every_instruction_set_agrees_on_all_settings() -> None:
    for name in SETS:
        assert hl.verify(instruction_set=name).hashes == GOLDEN


@pytest.mark.long
def test_it_takes_no_more_than_five_seconds_of_two_processors() -> None:
    before = time.process_time()
    assert hl.verify().agree
    assert time.process_time() - before < 10


@pytest.mark.usefixtures("quick")
def test_the_instruction_set_that_is_named_is_the_one_that_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    train, initial = engine.train_flat, engine.initial_flat

    def training(*given: Any, **how: Any) -> Any:
        asked.append(how["instruction_set"])
        return train(*given, **how)

    def beginning(job: Any, seeds: Any, name: str) -> Any:
        asked.append(name)
        return initial(job, seeds, name)

    monkeypatch.setattr(engine, "train_flat", training)
    monkeypatch.setattr(engine, "initial_flat", beginning)
    monkeypatch.setenv("HEADLAB_INSTRUCTION_SET", SETS[-1])
    assert hl.verify().instruction_set == SETS[-1]
    assert hl.verify(instruction_set=SETS[0]).instruction_set == SETS[0]
    assert asked == [SETS[-1]] * 4 + [SETS[0]] * 4


def test_the_hash_is_of_every_weight_of_every_run_in_training_order() -> None:
    corpus, setting = hl.Corpus.notebook(), next(item for item in module.SETTINGS if item.name == "diverges")
    runs = hl.train(corpus, setting.model, setting.training, seeds=range(64), record="none", snapshots=None)
    order, weights = corpus.batch.order, runs.params
    found = hashlib.sha256()
    for at in range(64):
        e, p, q, k, v = (weights[at].W_E, weights[at].W_pos, weights[at].W_Q, weights[at].W_K, weights[at].W_V)
        rows = e[order][:, order], p[:, order], q[0, 0][order], k[0, 0][order], v[0, 0][order][:, order]
        numbers = [float(number) for weight in rows for number in weight.ravel()]
        found.update(struct.pack(f"<{len(numbers)}f", *numbers))
    assert found.hexdigest() == GOLDEN["diverges"]


def other_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the trainer move one weight of one run by its last digit, in one of the settings."""
    train = engine.train_flat

    def moved(job: Any, *given: Any, **how: Any) -> Any:
        trained = train(job, *given, **how)
        if job.model.d_head == 1:
            trained.weights[37, 5] = np.nextafter(trained.weights[37, 5], np.float32(9))
        return trained

    monkeypatch.setattr(engine, "train_flat", moved)


def another_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the golden file have the hash of something else, in one of the settings."""
    first, *rest = module.SETTINGS
    monkeypatch.setattr(module, "SETTINGS", [replace(first, sha256={"many": "0" * 64, "few": "0" * 64}), *rest])


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("how", [other_bits, another_hash])
def test_other_bits_are_named_and_have_status_1(
    run: Any, how: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    how(monkeypatch)
    status, out, err = run("verify", "--json")
    said = strict(out)
    assert (status, said["agree"], said["differ"]) == (1, False, ["d_head 1"])
    assert said["hashes"] | {"d_head 1": ""} == said["golden"] | {"d_head 1": ""}
    assert err.startswith(f"headlab: with {SETS[0]} 1 of 2 settings ended in other weights than the golden")
    assert "(d_head 1): this build gives other bits than every other, so do not share its seeds" in err
    assert err.count("\n") == 1
    status, out, again = run("verify")
    assert (status, again) == (1, err)
    assert out.count("✗") == 1
    assert out.count("✓") == 1
    assert "same runs" not in out


def test_one_instruction_set_of_all_that_differs_is_the_one_that_is_named(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = engine.train_flat
    monkeypatch.setattr(module, "SETTINGS", module.SETTINGS[-1:])

    def moved(*given: Any, **how: Any) -> Any:
        trained = train(*given, **how)
        return replace(trained, weights=trained.weights + (how["instruction_set"] == SETS[-1]))

    monkeypatch.setattr(engine, "train_flat", moved)
    status, _, err = run("verify", "--all")
    assert status == 1
    assert err.startswith(f"headlab: with {SETS[-1]} 1 of 1 settings ended in other weights")
    assert not any(f"with {name}" in err for name in SETS[:-1])


@pytest.mark.usefixtures("quick")
def test_an_interruption_says_nothing_of_the_bits(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def bar(_: str) -> Iterator[Callable[[float], None]]:
        yield lambda _: signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("headlab.cli.verify.progress_bar", bar)
    monkeypatch.setattr(module, "SETTINGS", [replace(module.SETTINGS[0], training=hl.TrainConfig.of(steps=10**6))])
    said = "\nheadlab: interrupted: 0 of 1 settings had been trained, and nothing is said of any\n"
    assert run("verify") == (130, "", said)


@pytest.mark.usefixtures("quick")
def test_a_lack_of_memory_is_no_disagreement(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(engine, "train_flat", full)
    status, out, err = run("verify", "--json")
    assert (status, out) == (1, "")
    assert "memory" in err
    assert "bits" not in err


@pytest.mark.parametrize(("sets", "width"), [(["avx512"], 48), (["avx512"], 80), (["avx512", "avx2", "generic"], 80)])
def test_the_table_fits_the_terminal(
    sets: list[str], width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    found = [module.Verification("native", name, 2, GOLDEN, GOLDEN, 2, 2.5, "a processor") for name in sets]
    show(verification_blocks(found, ["another", "a third"]))
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= width
    assert "…" not in out
    assert all(out.count(text[:8]) == 1 + len(sets) for text in GOLDEN.values())
    assert out.count("✓") == 14 * len(sets)
    assert "Not tried: another and a third" in out


def test_what_is_asked_wrongly_is_refused(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(hl.ConfigError, match=r"instruction_set must be one of .*, got 'mmx'"):
        hl.verify(instruction_set="mmx")
    assert run("verify", "--threads", "0")[0] == 2
    monkeypatch.setenv("HEADLAB_INSTRUCTION_SET", "mmx")
    status, out, err = run("verify")
    assert (status, out) == (2, "")
    assert "HEADLAB_INSTRUCTION_SET must be one of" in err


def test_a_verification_is_told_in_a_line() -> None:
    found = module.Verification("native", "generic", 2, GOLDEN | {"Adam": ""}, GOLDEN, 1, 2.5, "a processor")
    assert repr(found) == "Verification(native (generic), numerics 2: 13 of 14 settings agree)"
    assert json.loads(json.dumps(found.to_dict())) == found.to_dict()
