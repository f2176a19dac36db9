"""The network of a checkpoint, layer by layer."""
