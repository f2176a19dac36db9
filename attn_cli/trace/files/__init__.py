"""Reading and writing traces: JSON, NPZ, safetensors and CSV."""
