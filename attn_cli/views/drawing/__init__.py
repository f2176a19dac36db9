"""Drawing: the layout of tables, heatmaps and text on a screen."""
