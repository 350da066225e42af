"""How a training's step grows with its sizes: `python benchmarks/scale.py`, with --write into docs/scale.md and its figure.

From one shape on, one size at a time, of one run alone and of a full group of runs, on one thread, the least of several
repetitions. What a step is counted to hold (multiply-adds, exponentials, calls of products) is fitted to what it takes, so that
what is not products can be told apart where their share of the core's rate is low.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from peak import NoPeakError, Peak
from scipy.optimize import nnls
from timing import Contender, alternate, ours

import headlab as hl
from headlab import engine
from headlab.engine.cost import bytes_of, multiply_adds
from headlab.engine.problem import instruction_sets, lanes_of
from headlab.notation.numbers import percent
from headlab.notation.shades import HUE
from headlab.report.figures.drawing import GREY, image, tidy, with_style

GROUPS = 2  # a run in every lane, also where one after the other is quicker
DOCS = Path(__file__).parents[1] / "docs"
PAGE, FIGURE = DOCS / "scale.md", DOCS / "img" / "scale.svg"
BEGIN, END = "<!-- benchmarks/scale.py --write writes from here -->", "<!-- to here -->"
D_HEAD, D_VOCAB = 16, 64
ENOUGH, TOLD = 0.4, 0.1  # of the core's rate; of a step's time
MORE = "more than foretold"
LONG = 1.0  # seconds of a stretch that is measured only twice
SETS = {"avx512": "AVX-512", "avx2": "AVX2", "generic": "baseline", "simd128": "WebAssembly"}


@dataclass(frozen=True)
class Size:
    """What grows, each alone; heads are of 16 numbers, with W_O, tokens 64, with W_U."""

    sentences: int = 16
    positions: int = 32
    d_model: int = 64
    heads: int = 4
    layers: int = 2

    @property
    def job(self) -> engine.Job:
        """One step of it, on tokens drawn at random."""
        tokens = np.random.default_rng(0).integers(0, D_VOCAB, (self.sentences, self.positions))
        model = hl.ModelConfig(
            d_head=D_HEAD, d_model=self.d_model, n_heads=self.heads, n_layers=self.layers, factored_values=True,
            unembed=True,
        )  # fmt: skip
        training = hl.TrainConfig.of(steps=1, learning_rate=1e-3)
        return engine.Job(tokens, np.roll(tokens, -1, axis=1), D_VOCAB, model, training)

    @property
    def multiply_adds(self) -> float:
        """Those of a step's products."""
        return sum(multiply_adds(self.job))

    @property
    def counts(self) -> tuple[float, float, float]:
        """Multiply-adds, exponentials (of patterns and of the loss) and calls of products."""
        pairs = self.sentences * self.positions * (self.positions + 1) / 2
        exps = self.layers * self.heads * pairs + self.sentences * self.positions * D_VOCAB
        return self.multiply_adds, exps, self.layers * self.heads * (10 + 8 * self.sentences)


BASE = Size()
AXES = {
    "sentences": (1, 4, 16, 64, 256),
    "positions": (4, 8, 16, 32, 64, 128, 256),
    "d_model": (16, 32, 64, 128, 256),
    "heads": (1, 2, 4, 8, 16),
    "layers": (1, 2, 4, 8),
}


def sizes_of(axis: str) -> list[Size]:
    """Return the sizes of an axis."""
    return [replace(BASE, **{axis: value}) for value in AXES[axis]]


@dataclass(frozen=True)
class Way:
    """One run alone or a full group: seconds per run and step of every size, and what these are made of.

    costs: seconds of a multiply-add, an exponential, a call of a product, per run
    """

    runs: int
    seconds: dict[Size, float]
    costs: np.ndarray

    @classmethod
    def fitted(cls, runs: int, seconds: dict[Size, float]) -> "Way":
        """Return it with the costs, none below 0, whose sums are nearest to what was measured, as ratios."""
        ratios = np.array([size.counts for size in seconds]) / np.array(list(seconds.values()))[:, None]
        scale = ratios.mean(axis=0)
        found, _ = nnls(ratios / scale, np.ones(len(ratios)))
        return cls(runs, seconds, found / scale)

    def parts(self, size: Size) -> dict[str, float]:
        """Return the shares of a step's time of what is no product near at hand, those that are worth a word."""
        _, exps, calls = self.costs * size.counts / self.seconds[size]
        unforetold = 1 - float(self.costs @ size.counts) / self.seconds[size]
        found = {"exponentials": exps, "calls of products": calls, MORE: unforetold}
        return {name: share for name, share in found.items() if share >= TOLD}

    def errors(self) -> np.ndarray:
        """Return by how much of it each foretold time is off."""
        return np.array([abs(self.costs @ size.counts / seconds - 1) for size, seconds in self.seconds.items()])


@dataclass(frozen=True)
class Measured:
    """All of it: alone and together, and the core's rate of multiply-adds (None: not measured, and why)."""

    alone: Way
    together: Way
    rate: float | None
    why_not: str = ""

    def share(self, way: Way, size: Size) -> float | None:
        """Return the share of the core's rate."""
        return size.multiply_adds / way.seconds[size] / self.rate if self.rate else None


def measure(sizes: list[Size], rounds: int) -> Measured:
    """Measure every size alone and together, and the core's rate between them."""
    try:
        peak, why_not = Peak(instruction_sets()[0]), ""
    except NoPeakError as error:
        peak, why_not = None, str(error)
    group = lanes_of(instruction_sets()[0], False)
    alone, together = {}, {}
    for size in sizes:
        one, many = ours("alone", size.job, 1), ours("together", size.job, group, at_once=GROUPS)
        again(one, many, rounds)
        alone[size], together[size] = one.seconds, many.seconds
        if peak:
            peak.measure()
    return Measured(Way.fitted(1, alone), Way.fitted(group, together), peak and peak.rate, why_not)


def again(one: Contender, many: Contender, rounds: int) -> None:
    """Alternate between both; what takes long is measured twice."""
    alternate([one, many], 2)
    for contender in (one, many):
        if sum(contender.least.values()) < LONG:
            alternate([contender], rounds - 2)


def text_of(found: Measured, axes: dict[str, list[Size]]) -> str:
    """Return the tables as Markdown."""
    name = SETS[instruction_sets()[0]]
    rate = f"{found.rate / 1e9:.1f} G multiply-adds a second" if found.rate else f"not measured, since {found.why_not}"
    lines = [f"Rate of the core, two roundings a multiply-add, {name}: {rate}. Together: {found.together.runs} runs."]
    for axis, sizes in axes.items():
        lines += [
            "",
            f"| {axis} | multiply-adds, M | alone, ms | of the rate | together, ms a run | of the rate | below 40 % |",
        ]
        lines += ["|---|---|---|---|---|---|---|"]
        lines += [f"| {getattr(size, axis)} | {' | '.join(cells(found, size))} |" for size in sizes]
    lines += ["", *(foretold(found, word, way) for word, way in (("Alone", found.alone), ("Together", found.together)))]
    return "\n".join(lines)


def cells(found: Measured, size: Size) -> Iterator[str]:
    """Yield what stands in a row."""
    yield f"{size.multiply_adds / 1e6:.1f}"
    for way in (found.alone, found.together):
        share = found.share(way, size)
        yield f"{way.seconds[size] * 1e3:.3g}"
        yield "" if share is None else percent(share)
    yield "; ".join(filter(None, (why(found, word, size) for word in ("alone", "together"))))


def why(found: Measured, word: str, size: Size) -> str:
    """Return what a step's time is besides its products where these have less than 40 % of the rate, nothing elsewhere."""
    way: Way = getattr(found, word)
    share = found.share(way, size)
    if share is None or share >= ENOUGH:
        return ""
    memory = f" ({bytes_of(size.job, way.runs, threads=1) / 1e6:,.0f} MB)"
    parts = [f"{name}{memory * (name == MORE)} {percent(part)}" for name, part in way.parts(size).items()]
    return f"{word}: {', '.join(parts) or 'the products themselves'}"


def foretold(found: Measured, word: str, way: Way) -> str:
    """Return what the times were fitted by, and how well."""
    multiply_add, exp, call = way.costs
    of_rate = f" ({percent(1 / multiply_add / found.rate)} of the rate)" if found.rate and multiply_add else ""
    errors = way.errors()
    return (
        f"- {word}, foretold by a multiply-add of {multiply_add * 1e12:.1f} ps{of_rate}, an exponential of {exp * 1e9:.2f} ns "
        f"and a call of {call * 1e9:.0f} ns, each per run: off by {percent(errors.mean())} on the mean, "
        f"{percent(errors.max())} at most."
    )


@with_style
def figure_of(found: Measured, axes: dict[str, list[Size]]) -> Figure:
    """Return the times above and the shares of the core's rate below, an axis beside the other."""
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    grid = figure.subplots(2, len(axes), sharey="row")
    for (axis, sizes), (above, below) in zip(axes.items(), grid.T, strict=True):
        x = [getattr(size, axis) for size in sizes]
        for way, color, mark, label in (
            (found.alone, HUE.light, "o", "one run alone"),
            (found.together, GREY, "s", f"{found.together.runs} together, per run"),
        ):
            style = {"color": color, "marker": mark, "markersize": 3.5, "linewidth": 1.4, "label": label}
            above.plot(x, [way.seconds[size] * 1e3 for size in sizes], **style)
            if found.rate:
                below.plot(x, [100 * found.share(way, size) for size in sizes], **style)
        above.set_xscale("log", base=2), above.set_yscale("log"), below.set_xscale("log", base=2)
        below.axhline(100 * ENOUGH, color=GREY, linewidth=0.8, linestyle="--")
        for axes_ in (above, below):
            tidy(axes_)
            axes_.set_xticks(x, [str(value) for value in x], minor=False)
        below.set_xlabel(axis, fontsize=8)
    grid[1, 0].set_ylim(0, 100)
    grid[0, 0].set_ylabel("milliseconds per run and step", fontsize=8)
    grid[1, 0].set_ylabel("% of the core's multiply-adds", fontsize=8)
    grid[0, 0].legend(fontsize=7, frameon=False)
    return figure


def main() -> None:
    """Measure; print the tables, or write them and the figure. Without --write two sizes of each axis."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="measure every size; write docs/scale.md and its figure")
    write = parser.parse_args().write
    axes = {axis: sizes_of(axis) if write else [sizes_of(axis)[0], sizes_of(axis)[-2]] for axis in AXES}
    sizes = list(dict.fromkeys([BASE, *(size for some in axes.values() for size in some)]))
    found = measure(sizes, rounds=5 if write else 3)
    if write and not found.rate:
        raise SystemExit(f"docs/scale.md needs the core's rate, but {found.why_not}")
    text = text_of(found, axes)
    print(text)
    if write:
        before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}", encoding="utf-8")
        FIGURE.write_bytes(image(figure_of(found, axes), "svg"))


if __name__ == "__main__":
    main()
