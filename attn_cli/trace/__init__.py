"""Traces: the stages of attention as values, and the files that hold them."""
