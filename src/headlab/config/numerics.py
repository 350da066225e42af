"""Which bits come out of a training: the part of a run's identity that no setting says."""

NUMERICS = 2
BY_TRAINING_ORDER = 2  # since when runs go by where tokens first appear, and not by their ids
"""Raised by one whenever the same data, settings and seed give other bits than before, for any of them.

0: studies of formats 1 and 2, whose runs were named otherwise, too
1: weights drawn and sums taken in the order of the vocabulary; wide heads turned by LAPACK; multiply-adds fused where a
   processor has them
2: in the order in which tokens first appear; every operation rounded by itself, everywhere, and nothing from a library
"""
