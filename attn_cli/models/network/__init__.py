"""The network: what a model computes, layer by layer."""
