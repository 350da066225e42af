"""A rate that falls by the same amount at the start of every epoch, the first one included, as in several published trainings."""

from headlab.config import Phase


def falling(first: float, last: float, of: int, steps: int, upto: int) -> tuple[float, Phase]:
    """Return the rate of the first epoch and a phase of the first `upto` of `of` epochs, each of so many steps.

    Epoch e, from 0, is at rate first + (last − first)(e + 1)/of, so that the last of all is at last.

    >>> rate, phase = falling(1e-3, 1e-4, of=20, steps=293, upto=3)
    >>> round(rate, 9), phase.steps, round(phase.end_rate, 9), phase.rate_every
    (0.000955, 879, 0.00082, 293)
    >>> falling(1e-3, 1e-4, of=25, steps=293, upto=1)[1]
    Phase(steps=293, plateau=None)
    """
    rates = [first + (last - first) * (epoch + 1) / of for epoch in (0, upto)]
    if upto == 1:
        return rates[0], Phase(steps)
    return rates[0], Phase(steps * upto, rate="linear", end_rate=rates[1], rate_every=steps)
