"""Read and write documents: parameters and arrays in files."""
