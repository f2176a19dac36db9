"""The public functions: what `from attn_cli import …` offers besides `attend`."""
