"""Truth tests: corpora and models drawn from a seed, and a checker that recomputes every clause said of them."""
