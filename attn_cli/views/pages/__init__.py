"""Pages: the content of each command's view."""
