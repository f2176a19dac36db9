"""Inputs: texts cut into tokens, and arrays from seeds and files."""
