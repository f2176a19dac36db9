"""The least that a process can do: python bare.py gpt2|bert FOLDER TEXT prints the weights of layer 5, head 1.

Written for these two checkpoints alone: no config, no checks, no stages, no view.
"""

import json
import os
import sys

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
import numpy as np
from tokenizers import Tokenizer

KIND, FOLDER, TEXT = sys.argv[1:]
LAYER, HEAD, HEADS = 5, 1, 12
FILE = open(os.path.join(FOLDER, "model.safetensors"), "rb")  # noqa: SIM115
START = int.from_bytes(FILE.read(8), "little")
HEADER = json.loads(FILE.read(START))


def read(name):
    entry = HEADER[name]
    start, _ = entry["data_offsets"]
    out = np.empty(entry["shape"], np.float32)
    FILE.seek(8 + START + start)
    FILE.readinto(out.reshape(-1).view(np.uint8).data)
    return out


def some(name, rows):
    entry = HEADER[name]
    table = np.memmap(FILE.name, np.float32, "r", 8 + START + entry["data_offsets"][0], tuple(entry["shape"]))
    return np.array(table[rows])


def norm(name, x, eps):
    x = x - x.mean(-1, keepdims=True)
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * read(name + ".weight") + read(name + ".bias")


def through(name, x):
    weight = read(name + ".weight")
    return x @ (weight if KIND == "gpt2" else weight.T) + read(name + ".bias")


def weigh(q, k):
    q, k = (y.reshape(len(y), HEADS, -1).swapaxes(0, 1) for y in (q, k))
    scores = q @ k.swapaxes(1, 2) / np.float32(np.sqrt(q.shape[2]))
    if KIND == "gpt2":
        scores[:, np.triu(np.ones(scores.shape[1:], bool), 1)] = -np.inf
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


def blend(weights, v):
    y = weights @ v.reshape(len(v), HEADS, -1).swapaxes(0, 1)
    return y.swapaxes(0, 1).reshape(v.shape)


def gpt2(ids):
    x = some("wte.weight", ids) + some("wpe.weight", np.arange(len(ids)))
    for layer in range(LAYER + 1):
        at = f"h.{layer}."
        q, k, v = np.split(through(at + "attn.c_attn", norm(at + "ln_1", x, 1e-5)), 3, axis=1)
        weights = weigh(q, k)
        if layer == LAYER:
            break
        x = x + through(at + "attn.c_proj", blend(weights, v))
        y = through(at + "mlp.c_fc", norm(at + "ln_2", x, 1e-5))
        y = y * (0.5 * (1 + np.tanh(np.float32(0.7978846) * (y + np.float32(0.044715) * y * y * y))))
        x = x + through(at + "mlp.c_proj", y)
    return weights


def erf(x):
    """Abramowitz & Stegun 7.1.26."""
    t = 1 / (1 + np.float32(0.3275911) * abs(x))
    tail = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    return np.sign(x) * (1 - tail * np.exp(-x * x))


def bert(ids):
    x = some("embeddings.word_embeddings.weight", ids)
    x = x + some("embeddings.position_embeddings.weight", np.arange(len(ids)))
    x = norm("embeddings.LayerNorm", x + some("embeddings.token_type_embeddings.weight", [0]), 1e-12)
    for layer in range(LAYER + 1):
        at = f"encoder.layer.{layer}."
        q, k = (through(f"{at}attention.self.{name}", x) for name in ("query", "key"))
        weights = weigh(q, k)
        if layer == LAYER:
            break
        blended = blend(weights, through(at + "attention.self.value", x))
        x = norm(at + "attention.output.LayerNorm", x + through(at + "attention.output.dense", blended), 1e-12)
        y = through(at + "intermediate.dense", x)
        y = through(at + "output.dense", y * (0.5 * (1 + erf(y * np.float32(0.5**0.5)))))
        x = norm(at + "output.LayerNorm", x + y, 1e-12)
    return weights


encoding = Tokenizer.from_file(os.path.join(FOLDER, "tokenizer.json")).encode(TEXT)
shown = (gpt2 if KIND == "gpt2" else bert)(encoding.ids)[HEAD]
print(*encoding.tokens)
for row in shown:
    print(" ".join(f"{value:.4f}" for value in row))
