"""Heads: metrics of each head, and a name for what it does."""
