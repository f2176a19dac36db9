"""Mutated inputs for every reader: a few in the suite, many with `python tests/fuzz/run.py`."""
