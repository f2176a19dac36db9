"""Traces in files: JSON, NPZ, safetensors and CSV, written and read."""
