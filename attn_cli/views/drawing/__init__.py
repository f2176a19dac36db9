"""Drawing: how tables, heatmaps and text are laid out on a screen."""
