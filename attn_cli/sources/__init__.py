"""Inputs: texts split into tokens, and arrays from seeds and files."""
