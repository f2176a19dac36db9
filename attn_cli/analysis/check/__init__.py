"""Whether the attention in a dump is sound, and if not, which mistake it shows."""
