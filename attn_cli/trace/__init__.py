"""The stages of attention as values, and how they are written and read."""
