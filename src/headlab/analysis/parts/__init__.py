"""What gives what: contributions to a choice, how it is coded, by which mechanism."""
