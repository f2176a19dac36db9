"""Read a checkpoint's files: config and tensors."""
