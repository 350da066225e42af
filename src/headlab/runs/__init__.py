"""Training, and what comes of it: runs, their history, their files."""
