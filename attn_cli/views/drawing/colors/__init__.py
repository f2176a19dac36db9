"""Colors: palettes, ranges and the styles of a terminal."""
