"""Philox4x32-10: four words of a counter and a key, the same everywhere; whatever headlab draws is drawn from them.

Source: Salmon et al. 2011, Parallel random numbers: as easy as 1, 2, 3.
"""

import numpy as np

from headlab.arrays import Array, UInt64

Words = UInt64[Array, "..."]

_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
LOW, HALF = np.uint64(0xFFFFFFFF), np.uint64(32)


def philox(counter: tuple[Words, Words, Words, Words], key: tuple[Words, Words]) -> tuple[Words, Words, Words, Words]:
    """Return the four 32-bit words that Philox4x32-10 makes of a counter and a key (32-bit words in uint64 arrays).

    >>> zero = np.zeros(1, np.uint64)
    >>> [hex(int(word[0])) for word in philox((zero, zero, zero, zero), (zero, zero))]
    ['0x6627e8d5', '0xe169c58d', '0xbc57ac4c', '0x9b00dbd8']
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        first, second = c0 * np.uint64(_MULTIPLIERS[0]), c2 * np.uint64(_MULTIPLIERS[1])
        c0, c1, c2, c3 = (second >> HALF) ^ c1 ^ k0, second & LOW, (first >> HALF) ^ c3 ^ k1, first & LOW
        k0, k1 = (k0 + np.uint64(_KEY_STEPS[0])) & LOW, (k1 + np.uint64(_KEY_STEPS[1])) & LOW
    return c0, c1, c2, c3
