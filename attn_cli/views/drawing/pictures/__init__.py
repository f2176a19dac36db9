"""Pictures: heatmaps, grids of heads, bars and their labels."""
