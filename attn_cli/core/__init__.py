"""The arithmetic of attention: pure functions and frozen values."""
