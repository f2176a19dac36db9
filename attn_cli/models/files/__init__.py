"""A checkpoint's files: config and tensors."""
