"""Tokenizers: from text to token ids, in every format that checkpoints come with."""
