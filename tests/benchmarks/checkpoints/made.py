"""Write a GPT-2-sized and a BERT-base-sized checkpoint of random numbers: python made.py FOLDER.

FOLDER/gpt2 and FOLDER/bert then hold config.json, model.safetensors in float32, and a tokenizer whose vocabulary has
the true size and random entries.
"""

import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

LAYERS, HEADS, WIDTH, POSITIONS = 12, 12, 768, {"gpt2": 1024, "bert": 512}
VOCABULARY = {"gpt2": 50257, "bert": 30522}
CONFIGS = {
    "gpt2": {
        "architectures": ["GPT2LMHeadModel"],
        "n_layer": LAYERS,
        "n_head": HEADS,
        "n_embd": WIDTH,
        "n_positions": POSITIONS["gpt2"],
        "vocab_size": VOCABULARY["gpt2"],
        "activation_function": "gelu_new",
        "layer_norm_epsilon": 1e-5,
        "bos_token_id": VOCABULARY["gpt2"] - 1,
        "eos_token_id": VOCABULARY["gpt2"] - 1,
    },
    "bert": {
        "architectures": ["BertModel"],
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "hidden_size": WIDTH,
        "intermediate_size": 4 * WIDTH,
        "max_position_embeddings": POSITIONS["bert"],
        "vocab_size": VOCABULARY["bert"],
        "type_vocab_size": 2,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-12,
        "pad_token_id": 0,
    },
}
TOKENIZERS = {
    "gpt2": {"tokenizer_class": "GPT2TokenizerFast", "bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>"},
    "bert": {"tokenizer_class": "BertTokenizerFast", "do_lower_case": True},
}


def gpt2_shapes() -> Iterator[tuple[str, tuple[int, ...]]]:
    yield "wte.weight", (VOCABULARY["gpt2"], WIDTH)
    yield "wpe.weight", (POSITIONS["gpt2"], WIDTH)
    for layer in range(LAYERS):
        for name, wide, out in (
            ("attn.c_attn", WIDTH, 3 * WIDTH),
            ("attn.c_proj", WIDTH, WIDTH),
            ("mlp.c_fc", WIDTH, 4 * WIDTH),
            ("mlp.c_proj", 4 * WIDTH, WIDTH),
        ):
            yield f"h.{layer}.{name}.weight", (wide, out)
            yield f"h.{layer}.{name}.bias", (out,)
        for name in ("ln_1", "ln_2"):
            yield from ((f"h.{layer}.{name}.{kind}", (WIDTH,)) for kind in ("weight", "bias"))
    yield from ((f"ln_f.{kind}", (WIDTH,)) for kind in ("weight", "bias"))


def bert_shapes() -> Iterator[tuple[str, tuple[int, ...]]]:
    tables = {"word": VOCABULARY["bert"], "position": POSITIONS["bert"], "token_type": 2}
    yield from ((f"embeddings.{name}_embeddings.weight", (rows, WIDTH)) for name, rows in tables.items())
    yield from ((f"embeddings.LayerNorm.{kind}", (WIDTH,)) for kind in ("weight", "bias"))
    for layer in range(LAYERS):
        for name, wide, out in (
            *((f"attention.self.{name}", WIDTH, WIDTH) for name in ("query", "key", "value")),
            ("attention.output.dense", WIDTH, WIDTH),
            ("intermediate.dense", WIDTH, 4 * WIDTH),
            ("output.dense", 4 * WIDTH, WIDTH),
        ):
            yield f"encoder.layer.{layer}.{name}.weight", (out, wide)
            yield f"encoder.layer.{layer}.{name}.bias", (out,)
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            yield from ((f"encoder.layer.{layer}.{name}.{kind}", (WIDTH,)) for kind in ("weight", "bias"))
    yield "pooler.dense.weight", (WIDTH, WIDTH)
    yield "pooler.dense.bias", (WIDTH,)


def numbers(name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Norms near 1, everything else near 0."""
    around = 1 if len(shape) == 1 and name.endswith("weight") else 0
    return np.float32(around) + np.float32(0.02) * rng.standard_normal(shape, dtype=np.float32)


def byte_pairs(size: int, rng: random.Random) -> Tokenizer:
    """Bytes, and random pairs of what is there already."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    common = [*"etaoinshrdlucmfw", "Ġ"]
    made = [*common, *(a + b for a in common for b in common if b != "Ġ")]
    merges = [(token[0], token[1]) for token in made if len(token) == 2]
    vocabulary = dict.fromkeys([*letters, *made])
    while len(vocabulary) < size - 1:
        pair = rng.choice(made), rng.choice(made)
        token = "".join(pair)
        if len(token) > 12 or pair[1].startswith("Ġ") or token in vocabulary:
            continue
        vocabulary[token] = None
        made.append(token)
        merges.append(pair)
    ids = {token: place for place, token in enumerate([*vocabulary, "<|endoftext|>"])}
    tokenizer = Tokenizer(models.BPE(ids, merges))
    tokenizer.add_special_tokens(["<|endoftext|>"])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


def word_pieces(size: int, rng: random.Random) -> Tokenizer:
    """Letters, alone and as ends of words, and random pieces."""
    letters = "abcdefghijklmnopqrstuvwxyz.,!?'0123456789"
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary = dict.fromkeys([*special, *letters, *("##" + letter for letter in letters)])
    while len(vocabulary) < size:
        piece = "".join(rng.choices("etaoinshrdlucmfw", k=rng.randint(2, 8)))
        vocabulary[rng.choice(["", "", "##"]) + piece] = None
    ids = {token: place for place, token in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    tokenizer.add_special_tokens(special)
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", ids["[SEP]"]), ("[CLS]", ids["[CLS]"]))
    return tokenizer


SHAPES = {"gpt2": gpt2_shapes, "bert": bert_shapes}
CUTTERS = {"gpt2": byte_pairs, "bert": word_pieces}


def make(kind: str, folder: Path) -> None:
    folder.mkdir()
    rng = np.random.default_rng(0)
    save_file(
        {name: numbers(name, shape, rng) for name, shape in SHAPES[kind]()},
        folder / "model.safetensors",
        metadata={"format": "pt"},
    )
    (folder / "config.json").write_text(json.dumps({"model_type": kind, **CONFIGS[kind]}, indent=2))
    CUTTERS[kind](VOCABULARY[kind], random.Random(0)).save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(TOKENIZERS[kind]))


if __name__ == "__main__":
    for name in SHAPES:
        make(name, Path(sys.argv[1]) / name)
