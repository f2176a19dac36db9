"""Checkpoints: trained models, read from their files and run with NumPy."""
