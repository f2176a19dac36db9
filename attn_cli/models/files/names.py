"""The names of a checkpoint's files."""

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
PICKLED, PICKLED_INDEX = "pytorch_model.bin", "pytorch_model.bin.index.json"
WEIGHTS = (INDEX, SINGLE, PICKLED_INDEX, PICKLED)
"""The files that hold or index the weights; of several, the first is used."""
INDICES = (INDEX, PICKLED_INDEX)
"""The indices of sharded weights."""
TOKENIZERS = (
    "tokenizer.json", "tokenizer_config.json", "vocab.txt", "vocab.json", "merges.txt", "tokenizer.model",
    "spiece.model", "spm.model", "sentencepiece.bpe.model", "source.spm", "target.spm", "target_vocab.json",
    "special_tokens_map.json", "added_tokens.json",
)  # fmt: skip
