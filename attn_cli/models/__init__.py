"""Checkpoints: real models, read from their folders and run with NumPy."""
