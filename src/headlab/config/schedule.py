"""The flat settings of a training's phases, steps and schedule: what they are called, and what they stand for."""

from headlab.config.fields import CHOICE, WHOLE, Field
from headlab.errors import ConfigError, Problem

NOTEBOOK_STEPS, EDGE = 5020, 10  # all of them, and those before and after the ones that watch for a plateau

STEPS = Field(
    "steps", WHOLE, None, "steps", "How many times all sentences are seen.", low=0, high=10**9, optional=True,
    usual=f"{NOTEBOOK_STEPS}",
)  # fmt: skip
SCHEDULE = Field(
    "schedule", CHOICE, None, "schedule",
    f"The rate is constant, or reduced on a plateau of the loss (but not in the first and last {EDGE} steps).",
    choices=("plateau", "constant"), optional=True, usual="plateau as in the notebook, constant where steps are given",
)  # fmt: skip


def stretches(steps: int | None, schedule: str | None) -> list[tuple[int, bool]]:
    """Return the phases of a schedule, each as its steps and whether it watches for a plateau; raises `ConfigError`.

    >>> stretches(None, None), stretches(100, None), stretches(100, "plateau")
    ([(10, False), (5000, True), (10, False)], [(100, False)], [(10, False), (80, True), (10, False)])
    """
    problems = [*STEPS.problems(steps), *SCHEDULE.problems(schedule)]
    if problems:
        raise ConfigError(problems)
    count = NOTEBOOK_STEPS if steps is None else steps
    if schedule == "constant" or (schedule is None and steps is not None):
        return [(count, False)]
    if count <= 2 * EDGE:
        why = f"the first and last {EDGE} do not watch for one: take more steps, or the schedule constant"
        raise ConfigError(
            Problem(f"steps must be above {2 * EDGE} with the schedule plateau, got {count}: {why}", "steps")
        )
    return [(EDGE, False), (count - 2 * EDGE, True), (EDGE, False)]
