"""How many runs the module is given at once: they are copied into its memory, which is small, one group after the other."""

SHARES = 16  # groups of a thread, at least, so that all end at about the same time
MOST_STEPS = 400_000  # of all runs of a group, which a cancel undoes
MOST_BYTES = 8 << 20  # of a group's arrays, where there are more runs than lanes
ROOM = 256 << 20  # of them, where there are not


def runs_of_a_group(n_runs: int, threads: int, lanes: int, bytes_of_run: int, steps: int) -> int:
    """Return how many runs are copied into an instance at once: some times the lanes, or fewer where a few are very large.

    >>> runs_of_a_group(1000, 2, 4, 2000, 5020), runs_of_a_group(1000, 2, 4, 200_000_000, 5020)
    (32, 1)
    """
    share, most = -(-n_runs // (max(threads, 1) * SHARES)), max(bytes_of_run, 1)
    several = min(share, MOST_BYTES // most, MOST_STEPS // max(steps, 1))
    return max(1, min(max(lanes, -(-several // lanes) * lanes), ROOM // most))
