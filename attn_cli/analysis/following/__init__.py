"""Whether stored numbers follow from the stages before them."""
