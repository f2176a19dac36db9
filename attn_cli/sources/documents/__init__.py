"""Documents: parameters and arrays in files, read and written."""
