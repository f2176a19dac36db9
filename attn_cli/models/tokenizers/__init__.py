"""Tokenizers of checkpoints: text to token ids, in every format in use."""
