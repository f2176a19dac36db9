"""The pages of `attn why`: one cell of the weights line by line, or the keys of one query, ranked."""
