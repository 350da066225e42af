"""Counts, sizes, times, shares, differences, verbs: one form of each, in sentences and tables, wherever people read."""


def quantity(number: int, noun: str) -> str:
    """Return so many of something, in words.

    >>> quantity(1, "run"), quantity(1200, "step")
    ('1 run', '1,200 steps')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def size_of(count: float) -> str:
    """Return a number of bytes in words.

    >>> size_of(512), size_of(1.5e6), size_of(72e9)
    ('512 B', '1.5 MB', '72.0 GB')
    """
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.1f} GB"


def duration(seconds: float) -> str:
    """Return a time in words.

    >>> duration(2.04), duration(600), duration(9000)
    ('2.0 s', '10 minutes', '2.5 hours')
    """
    if seconds < 90:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


def is_or_are(number: int) -> str:
    """Return the verb that goes with a count.

    >>> is_or_are(1), is_or_are(0), is_or_are(2)
    ('is', 'are', 'are')
    """
    return "is" if number == 1 else "are"


def percent(share: float, sign: bool = False) -> str:
    """Return a share as it stands in sentences and tables: whole percent, with a sign where it is a difference.

    >>> percent(0.744), percent(-0.031, sign=True), percent(0.001, sign=True), percent(-0.001), percent(-0.03)
    ('74 %', '−3 %', '+0 %', '0 %', '−3 %')
    """
    text = with_sign(100 * share, 0)
    return f"{text if sign else text.removeprefix('+')} %"


def decimals(value: float, digits: int) -> str:
    """Return a number with so many decimals, never minus zero; with_sign has a plus, too.

    NumPy's own numbers are rounded as Python's, exactly: NumPy would make 2.675 into 2.68.

    >>> decimals(-0.0316, 3), decimals(-0.0001, 3), decimals(2, 1)
    ('−0.032', '0.000', '2.0')
    """
    return f"{round(float(value), digits) + 0.0:.{digits}f}".replace("-", "−")


def with_sign(value: float, digits: int) -> str:
    """Return a number with its sign, never minus zero.

    >>> with_sign(-0.0316, 3), with_sign(-0.0001, 3), with_sign(2, 1)
    ('−0.032', '+0.000', '+2.0')
    """
    return f"{round(float(value), digits) + 0.0:+.{digits}f}".replace("-", "−")
