"""Questions about many runs, answered with their uncertainty."""
