"""The readers that are fuzzed: inputs that they take, how to damage them, and the command lines that read them."""

import io
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from types import MappingProxyType

import numpy as np

from attn_cli import explain
from attn_cli.trace.files.codec import trace_to_npz, trace_to_safetensors
from attn_cli.trace.files.to_json import trace_to_json
from tests.fuzz.mutations import (
    Mutation,
    damaged,
    json_damaged,
    npy_damaged,
    npz_damaged,
    pickle_damaged,
    tensors_damaged,
    text_damaged,
)

SAMPLES = Path(__file__).parents[2] / "samples"
FILE = "{file}"
DOCUMENT = (
    ("explain", "-w", FILE),
    ("heatmap", "-w", FILE),
    ("why", "-w", FILE, "--query", "0", "--key", "0", "--layer", "0", "--head", "0"),
    ("heads", "-w", FILE),
    ("compare", FILE, FILE),
    ("check", FILE),
    ("check", FILE, "--recompute"),
    ("heatmap", "-w", FILE, "--mask", "causal"),
    ("explain", "-w", FILE, "--json"),
    ("explain", "-w", FILE, "-f", "csv"),
    ("heatmap", "-w", FILE, "--aggregate", "rollout"),
)
"""The command lines that read a document."""
MODEL = (
    ("heatmap", "-m", FILE, "the cat sat"),
    ("heads", "-m", FILE, "the cat aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa! é 好"),
    ("model", FILE),
)
"""The command lines that run a checkpoint; `{file}` is its folder."""


@dataclass(frozen=True)
class Reader:
    """A kind of input: what is taken (made in a folder), how it is damaged, what reads it.

    `file` is the name under which a damaged input is put into a folder of a checkpoint, made by `base`.
    """

    inputs: Callable[[Path], list[bytes]]
    mutate: Mutation
    commands: tuple[tuple[str, ...], ...]
    file: str = ""
    base: Callable[[Path], None] | None = None


def _documents(_: Path) -> list[bytes]:
    masked = {"masked": [[1.0, None], [0.5, -0.25]], "V": [[1, 2], [3, 4]], "tokens": ["a", "b"]}
    usual = {"q": np.eye(3).tolist(), "k": np.ones((3, 3)).tolist(), "attention_mask": [1, 1, 0], "mask": "packed:1,2"}
    samples = [
        (SAMPLES / name).read_bytes() for name in ("two-heads.json", "cross.json", "grouped.json", "by-hand.json")
    ]
    return [*samples, json.dumps(masked).encode(), json.dumps(usual).encode()]


def _traces(_: Path) -> list[bytes]:
    model = explain("the cat", model=SAMPLES / "known-heads", layer=1, head=0)
    return [trace_to_json(explain("the cat sat", heads=2, kv_heads=1, mask="causal")), trace_to_json(model)]


def npz(**arrays: object) -> bytes:
    out = io.BytesIO()
    np.savez(out, **{name: np.asarray(array) for name, array in arrays.items()})
    return out.getvalue()


def _npz(_: Path) -> list[bytes]:
    rng = np.random.default_rng(0)
    q, k, v = rng.normal(size=(3, 2, 4, 3))
    weights = rng.dirichlet(np.ones(4), size=(2, 4))
    matrices = {name: rng.normal(size=(2, 6, 3)) for name in ("W_Q", "W_K", "W_V")}
    return [
        npz(Q=q, K=k, V=v, mask="causal", tokens=["a", "b", "c", "d"], attn_mask=np.tri(4, dtype=bool)),
        npz(X=rng.normal(size=(4, 6)), **matrices, W_O=rng.normal(size=(2, 3, 6)), b_Q=rng.normal(size=(2, 3))),
        npz(attentions=np.stack([weights[np.newaxis]] * 2), tokens=["a", "b", "c", "d"]),
        npz(X=rng.normal(size=(4, 6)), in_proj_weight=rng.normal(size=(18, 6)), heads=2),
        npz(**{"layers.0.weights": weights, "layers.1.weights": weights, "mask": "none"}),
        trace_to_npz(explain("the cat sat", heads=2)),
    ]


def _npy(_: Path) -> list[bytes]:
    made = []
    for array in (
        np.full((3, 3), 1 / 3),
        np.full((2, 1, 2, 3, 3), 1 / 3),
        np.eye(4, dtype="f4"),
        np.eye(3, dtype="i8"),
    ):
        out = io.BytesIO()
        np.save(out, array)
        made.append(out.getvalue())
    return made


def _csv(_: Path) -> list[bytes]:
    return [
        b"0.5,0.25,0.25\n0.1,0.8,0.1\n0.2,0.2,0.6\n",
        b',the,"a ""b"", c",sat\nthe,1,0,0\n"a ""b"", c",0.5,0.5,0\nsat,0.2,0.3,0.5\n',
        b"a;b\n0.5;0.5\n1;0\n",
        b"le\t0.5\t0.5\nchat\t1\t0\n",
    ]


def _tensors(_: Path) -> list[bytes]:
    from safetensors.numpy import save

    arrays = {"Q": np.eye(3), "K": np.ones((3, 3), "f4")}
    metadata = {"tokens": '["a","b","c"]', "mask": "causal", "heads": "1"}
    return [
        save(arrays, metadata),
        trace_to_safetensors(explain("the cat", heads=2)),
        save({"layers.0.weights": np.eye(2)}),
    ]


def _checkpoint(folder: Path) -> None:
    """The sample checkpoint."""
    shutil.copytree(SAMPLES / "known-heads", folder, dirs_exist_ok=True)


def _older(folder: Path) -> None:
    """The sample checkpoint without tokenizer.json, with the files that older tokenizers have."""
    _checkpoint(folder)
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.json").write_bytes(_vocabulary(folder)[0])
    (folder / "merges.txt").write_bytes(b"#version: 0.2\nt h\nth e\nc a\n")
    (folder / "tokenizer_config.json").write_text('{"bos_token": "<s>", "add_bos_token": true}')


def _vocabulary(_: Path) -> list[bytes]:
    from attn_cli.models.tokenizers.spelling import byte_numbers

    tokens = ["<s>", *sorted(byte_numbers()), "th", "the", "ca"]
    config = json.loads((SAMPLES / "known-heads" / "config.json").read_text())
    return [json.dumps({token: number % config["vocab_size"] for number, token in enumerate(tokens)}).encode()]


def _sample(name: str) -> Callable[[Path], list[bytes]]:
    return lambda _: [(SAMPLES / "known-heads" / name).read_bytes()]


def _configs(folder: Path) -> list[bytes]:
    """The sample's config, and those of other families, for which the weights do not fit."""
    from tests.parity.models.cases import cases

    stored = Path(__file__).parents[1] / "parity" / "models" / "figures"
    made = _sample("config.json")(folder) * 6
    for case in cases():
        if case.name in ("llama", "gemma2", "bert", "t5", "deepseek-v2", "phi3"):
            with np.load(stored / f"{case.name}.npz") as figures:
                made.append(json.dumps(json.loads(str(figures["case"]))["config"]).encode())
    return made


def _bert(folder: Path) -> None:
    """A config of BERT beside a list of word pieces; its weights do not matter to the tokenizer."""
    _checkpoint(folder)
    (folder / "tokenizer.json").unlink()
    config = json.loads((folder / "config.json").read_text()) | {"tokenizer_class": "BertTokenizer"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}')


def _pieces(folder: Path) -> list[bytes]:
    """A SentencePiece model, trained here."""
    import sentencepiece

    folder.mkdir(exist_ok=True)
    (folder / "text.txt").write_text("the cat sat on the mat\nthe dog ran to the door\n" * 20)
    sentencepiece.SentencePieceTrainer.train(
        input=str(folder / "text.txt"), model_prefix=str(folder / "pieces"), vocab_size=19, minloglevel=2
    )
    return [(folder / "pieces.model").read_bytes()]


def _t5(folder: Path) -> None:
    """A small T5, whose tokenizer is a SentencePiece model."""
    from tests.models.gguf.test_gguf import folder_of

    with TemporaryDirectory() as place:
        shutil.copytree(folder_of("t5", Path(place)), folder)
    config = json.loads((folder / "config.json").read_text()) | {"decoder_start_token_id": 0}
    (folder / "config.json").write_text(json.dumps(config))


def _gguf(folder: Path) -> list[bytes]:
    """A small llama as a GGUF file, with a tokenizer in it."""
    from tests.models.converting import convert
    from tests.models.gguf.test_gguf import folder_of

    folder.mkdir(exist_ok=True)
    words = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁the", "▁cat", "▁sat"][:101]
    keys = {
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": words,
        "tokenizer.ggml.scores": [float(-place) for place, _ in enumerate(words)],
        "tokenizer.ggml.token_type": [2, 3, 3, *[6] * (len(words) - 3)],
    }
    return [convert(folder_of("llama", folder), folder / "small.gguf", more=keys).read_bytes()]


def _header(data: bytes, random: Random) -> bytes:
    """A GGUF file whose keys and table of tensors are damaged, where most mistakes have an effect."""
    half = random.randrange(2) == 0
    return damaged(data, random) if half else damaged(data[:3000], random) + data[3000:]


def _pickled(_: Path) -> list[bytes]:
    """The tensors of the sample checkpoint as torch.save() would write them."""
    from safetensors.numpy import load

    from tests.models.files.pytorch_zip import dictionary, tensor, write

    tensors = load((SAMPLES / "known-heads" / "model.safetensors").read_bytes())
    arrays = {key: np.ascontiguousarray(array, array.dtype.newbyteorder("<")) for key, array in tensors.items()}
    entries = {key: tensor(str(number), array) for number, (key, array) in enumerate(arrays.items())}
    with TemporaryDirectory() as place:
        path = Path(place) / "pytorch_model.bin"
        write(path, dictionary(entries), {str(number): array.tobytes() for number, array in enumerate(arrays.values())})
        return [path.read_bytes()]


def _without_tensors(folder: Path) -> None:
    """The sample checkpoint without its tensors."""
    _checkpoint(folder)
    (folder / "model.safetensors").unlink()


def _index(_: Path) -> list[bytes]:
    """The index of a checkpoint whose tensors stand in one shard."""
    from safetensors.numpy import load

    names = load((SAMPLES / "known-heads" / "model.safetensors").read_bytes())
    shards = {"metadata": {"total_size": 1}, "weight_map": dict.fromkeys(names, "shard-1.safetensors")}
    return [json.dumps(shards).encode()]


def _shards(folder: Path) -> None:
    """The sample checkpoint, its tensors in a shard."""
    _checkpoint(folder)
    (folder / "model.safetensors").rename(folder / "shard-1.safetensors")


def _quantized(_: Path) -> list[bytes]:
    """A folder of MLX, whose tensors are quantized."""
    return [(Path(__file__).parents[1] / "models" / "cases" / "mlx-old" / "model.safetensors").read_bytes()]


def _mlx(folder: Path) -> None:
    shutil.copytree(Path(__file__).parents[1] / "models" / "cases" / "mlx-old", folder, dirs_exist_ok=True)


LINES = "the cat sat on the mat\n\nthe dog, the cat\n好 é the [CLS]\n".encode()
TEXTS = (
    ("heads", "--texts", FILE),
    ("heads", "--texts", FILE, "--tokenizer", "char", "--json"),
    ("heads", "--texts", FILE, "--tokenizer", "whitespace", "-f", "csv"),
    ("heads", "-m", str(SAMPLES / "known-heads"), "--texts", FILE),
)
"""The command lines that read a file of texts, one on each line."""
IDS = (("heatmap", "-m", FILE, "--ids", "1,2,3"), ("heads", "-m", FILE, "--ids", "1,2,3"), ("model", FILE))
"""The command lines that run a checkpoint without its tokenizer."""

READERS: Mapping[str, Reader] = MappingProxyType(
    {
        "json": Reader(_documents, json_damaged, DOCUMENT),
        "trace": Reader(_traces, json_damaged, DOCUMENT),
        "npz": Reader(_npz, npz_damaged, DOCUMENT),
        "npy": Reader(_npy, npy_damaged, DOCUMENT),
        "csv": Reader(_csv, text_damaged, DOCUMENT),
        "safetensors": Reader(_tensors, tensors_damaged, DOCUMENT),
        "config": Reader(_configs, json_damaged, MODEL, "config.json", _checkpoint),
        "tokenizer": Reader(_sample("tokenizer.json"), json_damaged, MODEL, "tokenizer.json", _checkpoint),
        "checkpoint": Reader(_sample("model.safetensors"), tensors_damaged, MODEL, "model.safetensors", _checkpoint),
        "vocabulary": Reader(_vocabulary, json_damaged, MODEL, "vocab.json", _older),
        "merges": Reader(lambda _: [b"#version: 0.2\nt h\nth e\nc a\n"], text_damaged, MODEL, "merges.txt", _older),
        "settings": Reader(
            lambda _: [
                b'{"bos_token": {"content": "<s>", "lstrip": false}, "add_bos_token": true}',
                b'{"added_tokens_decoder": {"0": {"content": "<s>", "special": true}}}',
            ],
            json_damaged,
            MODEL,
            "tokenizer_config.json",
            _older,
        ),
        "word-pieces": Reader(
            lambda _: [b"[PAD]\n[UNK]\n[CLS]\n[SEP]\nthe\ncat\n##s\nsat\na\n##a\n!\n"],
            text_damaged,
            MODEL,
            "vocab.txt",
            _bert,
        ),
        "sentence-pieces": Reader(_pieces, damaged, MODEL, "spiece.model", _t5),
        "gguf": Reader(_gguf, _header, MODEL),
        "pytorch": Reader(_pickled, pickle_damaged, MODEL, "pytorch_model.bin", _without_tensors),
        "index": Reader(_index, json_damaged, MODEL, "model.safetensors.index.json", _shards),
        "mlx": Reader(_quantized, tensors_damaged, IDS, "model.safetensors", _mlx),
        "texts": Reader(lambda _: [LINES], text_damaged, TEXTS),
    }
)
"""Every reader by the name that `--reader` takes."""
