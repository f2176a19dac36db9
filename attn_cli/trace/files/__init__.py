"""Traces in files: JSON, NPZ, safetensors and CSV, and back."""
