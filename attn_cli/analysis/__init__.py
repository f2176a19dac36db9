"""What a trace means: numbers in, numbers out."""
