"""Many heads and layers as one matrix."""
