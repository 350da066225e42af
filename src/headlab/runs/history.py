"""How a training went: its curves, the moments whose weights were kept, how every run ended."""

from dataclasses import dataclass, fields, replace
from enum import Enum
from typing import Any

import numpy as np

from headlab import engine
from headlab.analysis.words import TABLE
from headlab.arrays import Array, Bool, Float, Int, Shaped

_OF_ALL = ("recorded_steps", "snapshot_steps")  # without a run axis


class Outcome(Enum):
    """How the training of a run ended; the value is what a user reads.

    >>> Outcome.DIVERGED.sentence(17), Outcome.FINISHED.sentence()
    ('diverged at step 17', 'finished')
    """

    FINISHED = TABLE["outcomes"]["finished"]
    DIVERGED = TABLE["outcomes"]["diverged"]
    STOPPED = TABLE["outcomes"]["stopped"]
    INTERRUPTED = TABLE["outcomes"]["interrupted"]

    def sentence(self, step: int | None = None) -> str:
        """Return how it ended, in words; step: at which one it diverged, or reached its goal."""
        return str(self.value).format(step=step)


def outcomes_of(numbers: Int[Array, " run"]) -> tuple[Shaped[Array, " run"], Int[Array, " run"]]:
    """Return outcomes [run] and the steps of those that diverged or stopped [run], -1 of others, from the numbers of files.

    numbers [run]: -1 finished, -2 interrupted, from 0 on the step at which the loss was no finite number, from -3 on
    downward -3 - step for the step at which a goal was reached

    >>> outcomes_of(np.array([-1, 17, -103]))[1].tolist()
    [-1, 17, 100]
    """
    outcome = np.full(len(numbers), Outcome.DIVERGED, dtype=object)
    outcome[numbers == engine.FINISHED] = Outcome.FINISHED
    outcome[numbers == engine.NOT_RUN] = Outcome.INTERRUPTED
    outcome[numbers <= engine.STOPPED] = Outcome.STOPPED
    steps = np.where(numbers <= engine.STOPPED, engine.STOPPED - numbers, numbers)
    return outcome, np.where(steps >= 0, steps, -1)


@dataclass(frozen=True, eq=False)
class History:
    """How the training of several runs went.

    outcome [run]: an `Outcome` each; ended_at [run]: the step at which it diverged or reached its goal, or -1
    final_loss [run]: the loss of the last step, before its update; of no steps, the loss of the weights as they are
    loss (nats per position with a target), learning_rate [run, recorded step]; recorded_steps: which steps these are
    kept: the weights before the steps snapshot_steps, or None; `snapshots` has them as wide as the model
    state: what `resume` goes on from; None where it was not kept
    held_out: how well runs did on held-out examples (steps, loss, right), None where nobody looked
    Steps count from the very beginning, where runs were resumed, too; what was not kept on the way is not there.
    """

    outcome: Shaped[Array, " run"]
    ended_at: Int[Array, " run"]
    final_loss: Float[Array, " run"]
    loss: Float[Array, "run step"]
    learning_rate: Float[Array, "run step"]
    recorded_steps: Int[Array, " step"]
    kept: engine.Snapshots | None
    snapshot_steps: Int[Array, " moment"]
    state: engine.State | None = None
    held_out: engine.HeldOut | None = None

    @classmethod
    def of(
        cls,
        numbers: Int[Array, " run"],
        final_loss: Float[Array, " run"],
        *,
        snapshots: Float[Array, "run moment weight"] | None = None,
        **kept: Any,
    ) -> "History":
        """Return a history from the numbers of kernel or files (see `outcomes_of`); no curve where none was kept.

        snapshots: in place of `kept`, as wide as the model [run, moment, weight]

        >>> History.of(np.array([-1, 17]), np.array([0.2, np.nan])).sentences()
        ['finished', 'diverged at step 17']
        """
        nothing = np.zeros((len(numbers), 0), final_loss.dtype)
        none = np.zeros(0, np.int64)
        bare = {
            "loss": nothing,
            "learning_rate": nothing,
            "recorded_steps": none,
            "kept": None if snapshots is None else engine.Snapshots.of(snapshots),
            "snapshot_steps": none,
        }
        return cls(*outcomes_of(numbers), final_loss, **{**bare, **kept})

    def __len__(self) -> int:
        return len(self.outcome)

    def __getitem__(self, index: Any) -> "History":
        """Return the history of some of the runs, chosen as NumPy chooses along an axis."""
        kept = {item.name: getattr(self, item.name) for item in fields(self) if item.name not in _OF_ALL}
        some: dict[str, Any] = {name: None if value is None else value[index] for name, value in kept.items()}
        return replace(self, **some)

    def arrays(self) -> dict[str, Shaped[Array, "..."]]:
        """Return the arrays by the names that they have in a file, without those that were not kept."""
        return self._arrays() | ({} if self.snapshots is None else {"snapshots": self.snapshots})

    def held(self) -> list[Shaped[Array, "..."]]:
        """Return the arrays that are in memory: of snapshots what they are made from."""
        return [*self._arrays().values(), *(() if self.kept is None else self.kept.held())]

    def _arrays(self) -> dict[str, Array]:
        others = {item.name: getattr(self, item.name) for item in fields(self)} | {"outcome": self.numbers}
        state = {} if self.state is None else {f"state.{name}": array for name, array in self.state.arrays().items()}
        evaluated = {} if self.held_out is None else self.held_out.arrays()
        apart = ("ended_at", "state", "kept", "held_out")
        return {name: array for name, array in others.items() if name not in apart} | state | evaluated

    @property
    def snapshots(self) -> Float[Array, "run moment weight"] | None:
        """[run, snapshot, weight]: flat weights before the steps snapshot_steps, or None."""
        return None if self.kept is None else self.kept.flat

    @property
    def numbers(self) -> Int[Array, " run"]:
        """[run]: the outcomes as the kernel gives them and as files hold them; see `outcomes_of`."""
        others = {Outcome.FINISHED: engine.FINISHED, Outcome.INTERRUPTED: engine.NOT_RUN}
        ends = [others.get(one, step) for one, step in zip(self.outcome, self.ended_at.tolist(), strict=True)]
        return np.where(self.stopped, engine.STOPPED - np.array(ends, np.int64), np.array(ends, np.int64))

    @property
    def finished(self) -> Bool[Array, " run"]:
        """[run]: trained to the last step, or to its goal, without diverging."""
        return np.asarray(self.outcome == Outcome.FINISHED, bool) | self.stopped

    @property
    def stopped(self) -> Bool[Array, " run"]:
        """[run]: reached its goal, and was trained no further."""
        return np.asarray(self.outcome == Outcome.STOPPED, bool)

    def last_right(self) -> dict[str, Float[Array, " run"]]:
        """Return as `held_out` what share of held-out examples each run had right last; nothing where nobody looked."""
        if self.held_out is None:
            return {}
        right = self.held_out.right
        there = np.isfinite(right)
        last = np.where(there.any(axis=1), right.shape[1] - 1 - np.argmax(there[:, ::-1], axis=1), 0)
        return {"held_out": right[np.arange(len(right)), last] if right.shape[1] else np.full(len(right), np.nan)}

    def sentences(self) -> list[str]:
        """Return for every run how it ended, in words."""
        return [one.sentence(step) for one, step in zip(self.outcome, self.ended_at.tolist(), strict=True)]

    def followed_by(self, after: "History", steps: int, more: int, every: int = 0) -> "History":
        """Return this history and what came after it as one; steps: how many there were before, more: and then.

        every: steps from one evaluation to the next. A run that had diverged, or had reached its goal, has ended: what came after
        it is not its history.
        """
        if more == 0:
            return replace(self, state=after.state)
        ended = self.outcome != Outcome.FINISHED
        shown = ~np.isin(steps + after.snapshot_steps, self.snapshot_steps)
        return History(
            outcome=np.where(ended, self.outcome, after.outcome),
            ended_at=np.where(ended | (after.ended_at < 0), self.ended_at, steps + after.ended_at),
            final_loss=np.where(ended, self.final_loss, after.final_loss),
            loss=np.concatenate([self.loss, after.loss], axis=1),
            learning_rate=np.concatenate([self.learning_rate, after.learning_rate], axis=1),
            recorded_steps=np.concatenate([self.recorded_steps, steps + after.recorded_steps]),
            kept=_joined(self.kept, None if after.kept is None else after.kept.moments(shown)),
            snapshot_steps=np.concatenate([self.snapshot_steps, (steps + after.snapshot_steps)[shown]]),
            state=after.state,
            held_out=self._evaluated(after, ended, steps, every),
        )

    def _evaluated(self, after: "History", ended: Bool[Array, " run"], steps: int, every: int) -> engine.HeldOut | None:
        if self.held_out is None or after.held_out is None:
            return self.held_out or after.held_out
        nothing = {name: np.where(ended[:, None], np.nan, getattr(after.held_out, name)) for name in ("loss", "right")}
        return self.held_out.followed_by(replace(after.held_out, **nothing), steps, every)


def _joined(first: engine.Snapshots | None, after: engine.Snapshots | None) -> engine.Snapshots | None:
    return first.followed_by(after) if first is not None and after is not None else first or after
