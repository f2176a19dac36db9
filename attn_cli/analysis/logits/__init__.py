"""Logits: what heads do to the next token."""
