"""Pages: what is said about a result."""
