"""A layer in float64 under any recipe, with the rounding that may have gone into it."""
