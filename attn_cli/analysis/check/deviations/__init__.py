"""Every mistake that check knows, as a change of the recipe."""
