"""Write samples/known-heads: a GPT-2 checkpoint of two layers whose heads are set by hand.

Run it from the top of the repository: `python samples/make_known_heads.py`. It needs NumPy and the package tokenizers.

The residual stream has three segments of 48 numbers: the token's word, its position, and the word before it, which
layer 0 writes. Each is one-hot. A head compares a segment of the query with a segment of the key:

    layer 0  head 0  previous token     position − 1 of the query  ·  position of the key
             head 1  first token        1                          ·  is the key the first token?
             head 2  duplicate token    word of the query          ·  word of the key
             head 3  nothing: an even spread
    layer 1  head 0  induction          word of the query          ·  word before the key
             head 1  current token      position of the query      ·  position of the key
             heads 2 and 3  nothing

Head 0 of layer 0 writes the word that it attends to into the third segment. Head 0 of layer 1 adds the word that it
attends to to the first segment, from which the model predicts the next word: after "cat sat cat" it predicts "sat".
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

WORDS = (
    "<s> <unk> . , a and are at bird blue boy cat chair child city cold day dog door fish for from girl green he her "
    "house in is it key man mat night not of old on out red ran sat saw she small that the was"
).split()
PLACES, HEADS, WIDTH = 48, 4, 48
D_MODEL = HEADS * WIDTH
WORD, PLACE, BEFORE = 0, len(WORDS), len(WORDS) + PLACES  # where the three parts begin
SHARP = 12.0  # how far a head's wanted score stands above the others, after scaling

Array = np.ndarray[Any, np.dtype[Any]]


def embeddings() -> tuple[Array, Array]:
    """One-hot words, and one-hot positions."""
    words, places = np.zeros((len(WORDS), D_MODEL)), np.zeros((PLACES, D_MODEL))
    words[range(len(WORDS)), range(WORD, WORD + len(WORDS))] = 1
    places[range(PLACES), range(PLACE, PLACE + PLACES)] = 1
    return words, places


def one_hot(part: int, size: int) -> Array:
    """A matrix d_model × head width that reads one part of the stream."""
    matrix = np.zeros((D_MODEL, WIDTH))
    matrix[range(part, part + size), range(size)] = 1
    return matrix


def layer(heads: dict[int, dict[str, Array]]) -> dict[str, Array]:
    """A layer whose heads have these matrices q, k, v (in × out) and o; heads that are not named are all zero."""
    fused, bias = np.zeros((D_MODEL, 3 * D_MODEL)), np.zeros(3 * D_MODEL)
    out = np.zeros((D_MODEL, D_MODEL))
    for head, matrices in heads.items():
        own = slice(head * WIDTH, (head + 1) * WIDTH)
        for third, name in enumerate("qkv"):
            if name in matrices:
                fused[:, third * D_MODEL :][:, own] = matrices[name]
        bias[own] = matrices.get("q_bias", 0)
        out[own] = matrices.get("o", np.zeros((WIDTH, D_MODEL)))
    return {
        "ln_1.weight": np.ones(D_MODEL),
        "ln_1.bias": np.zeros(D_MODEL),
        "attn.c_attn.weight": fused,
        "attn.c_attn.bias": bias,
        "attn.c_proj.weight": out,
        "attn.c_proj.bias": np.zeros(D_MODEL),
        "ln_2.weight": np.ones(D_MODEL),
        "ln_2.bias": np.zeros(D_MODEL),
        "mlp.c_fc.weight": np.zeros((D_MODEL, 1)),
        "mlp.c_fc.bias": np.zeros(1),
        "mlp.c_proj.weight": np.zeros((1, D_MODEL)),
        "mlp.c_proj.bias": np.zeros(D_MODEL),
    }


def normed(ones: int) -> float:
    """How large LayerNorm makes a one in a vector of `ones` ones."""
    mean = ones / D_MODEL
    return float((1 - mean) / np.sqrt(mean * (1 - mean)))


def checkpoint() -> dict[str, Array]:
    """All tensors by name. A one is as large as LayerNorm makes it, so scores are divided by that twice."""
    words, places = embeddings()
    first, second = normed(2), normed(3)
    sharp = SHARP * np.sqrt(WIDTH)
    word, place = one_hot(WORD, len(WORDS)), one_hot(PLACE, PLACES)
    before = one_hot(BEFORE, len(WORDS))
    is_first = np.zeros((D_MODEL, WIDTH))
    is_first[PLACE, 0] = 1
    one = np.zeros(WIDTH)
    one[0] = 1
    layers = [
        layer(
            {
                0: {
                    "q": back() * sharp / first,
                    "k": place / first,
                    "v": word / first,
                    "o": before.T,
                },
                1: {"q_bias": one * sharp / first, "k": is_first},
                2: {"q": word * sharp / first, "k": word / first},
            }
        ),
        layer(
            {
                0: {"q": word * sharp / second, "k": before / second, "v": word / second, "o": 2 * word.T},
                1: {"q": place * sharp / second, "k": place / second},
            }
        ),
    ]
    tensors = {"wte.weight": words, "wpe.weight": places}
    tensors |= {f"h.{number}.{name}": array for number, own in enumerate(layers) for name, array in own.items()}
    return tensors | {"ln_f.weight": np.ones(D_MODEL), "ln_f.bias": np.zeros(D_MODEL)}


def back() -> Array:
    """Reads the place of a token as that of the token before it; the first token looks at itself."""
    matrix = np.zeros((D_MODEL, WIDTH))
    for number in range(PLACES):
        matrix[PLACE + number, max(number - 1, 0)] = 1
    return matrix


def write(folder: Path) -> None:
    """config.json, model.safetensors (float16), tokenizer.json and its settings."""
    config = {
        "model_type": "gpt2", "n_embd": D_MODEL, "n_head": HEADS, "n_layer": 2, "n_positions": PLACES, "n_inner": 1,
        "vocab_size": len(WORDS), "activation_function": "relu", "layer_norm_epsilon": 1e-5,
        "tie_word_embeddings": True, "bos_token_id": 0, "eos_token_id": 0,
    }  # fmt: skip
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    blobs, start = [], 0
    for name, array in checkpoint().items():
        blob = array.astype("<f2").tobytes()
        header[name] = {"dtype": "F16", "shape": list(array.shape), "data_offsets": [start, start + len(blob)]}
        blobs.append(blob)
        start += len(blob)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (folder / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + b"".join(blobs))
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    tokenizer.add_special_tokens(["<s>", "<unk>"])
    tokenizer.save(str(folder / "tokenizer.json"))
    # By this transformers reads tokenizer.json as it stands, and not as GPT-2's.
    settings = {"bos_token": "<s>", "model_max_length": 48, "tokenizer_class": "PreTrainedTokenizerFast"}
    settings |= {"unk_token": "<unk>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n")


if __name__ == "__main__":
    write(Path(__file__).parent / "known-heads")
