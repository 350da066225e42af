"""Which parts suffice: all minimal sets of them, by exhaustive enumeration."""
