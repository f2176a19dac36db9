"""Where inputs come from: text to tokens, seeds and files to arrays."""
