"""Which bits come out of a training: the part of a run's identity that no setting says."""

NUMERICS = 1
"""Raised by one whenever the same data, settings and seed give other bits than before, for any of them.

0: studies of formats 1 and 2, whose runs were named otherwise, too
1: the kernel as it is
"""
