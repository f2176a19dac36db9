"""Heads: what each one does, in figures and by name."""
