"""Shares, differences and verbs as they stand in sentences and tables: one form of each, wherever people read."""


def are(number: int) -> str:
    """Return the verb that goes with a count.

    >>> are(1), are(0), are(2)
    ('is', 'are', 'are')
    """
    return "is" if number == 1 else "are"


def percent(share: float, sign: bool = False) -> str:
    """Return a share as it stands in sentences and tables: whole percent, with a sign where it is a difference.

    >>> percent(0.744), percent(-0.031, sign=True), percent(0.001, sign=True), percent(-0.001), percent(-0.03)
    ('74 %', '−3 %', '+0 %', '0 %', '−3 %')
    """
    text = signed(100 * share, 0)
    return f"{text if sign else text.removeprefix('+')} %"


def signed(value: float, digits: int) -> str:
    """Return a number with its sign, never minus zero.

    >>> signed(-0.0316, 3), signed(-0.0001, 3), signed(2, 1)
    ('−0.032', '+0.000', '+2.0')
    """
    return f"{round(value, digits) + 0.0:+.{digits}f}".replace("-", "−")
