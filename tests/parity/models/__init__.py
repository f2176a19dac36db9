"""Stored figures of transformers for tiny checkpoints of every family; `make.py` says how they were made."""
