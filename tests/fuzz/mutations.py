"""Ways to damage an input: any bytes, JSON by its structure, the members of a zip, the header of a tensor file."""

import io
import json
import struct
import zipfile
from collections.abc import Callable
from copy import deepcopy
from random import Random
from typing import Any

import numpy as np

Mutation = Callable[[bytes, Random], bytes]

VALUES: list[Any] = [
    *(None, True, False, 0, -1, 1, 2, 3.5, 1e308, -1e308, 1e400, float("nan"), float("inf"), -float("inf")),
    *(
        2**31,
        2**63,
        -(2**63),
        10**30,
        "",
        " ",
        "NaN",
        "Infinity",
        "causal",
        "\ud800",
        "\0",
        "a" * 300,
        "\u202e\x1b[31m",
    ),
    *([], {}, [[]], [[[1]]], [1, [2]], {"a": 1}, [None], ["x"], [[1, 2], [3]], [[[[[1]]]]]),
    *("sliding:0", "rope:1e999", "packed:1,1,1", "packed:9", "float16", "bfloat16", "linear", "none", "sqrt"),
]
NAMES = [
    *("weights", "Q", "K", "V", "X", "masked", "scores", "heads", "kv_heads", "mask", "dtype", "tokens", "attn_mask"),
    *("layers", "format", "version", "head_index", "stages", "formulas", "scale", "d_k", "q", "attentions", "arr_0"),
    *("in_proj_weight", "attention_mask", "position_ids", "sinks", "embeddings", "context_tokens", "output", ""),
]
WORDS = [
    b"\0",
    b"\xff",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"\0\0\0\0",
    b"[",
    b"]",
    b"{",
    b"}",
    b'"',
    b",",
    b"-",
]
WORDS += [
    b"NaN",
    b"Infinity",
    b"1e999",
    b"null",
    b"1" * 50,
    b"\xed\xa0\x80",
    b"\n",
    b"\t",
    b"\\u0000",
    b"\\ud800",
    b"PK",
]


def damaged(data: bytes, random: Random) -> bytes:
    """Bytes with one to four changes: flipped, removed, repeated, put in, cut off."""
    changed = bytearray(data)
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(changed) + 1)
        length = random.choice([1, 1, 2, 4, 8, 30, 200])
        kind = random.randrange(6)
        if kind == 0 and at < len(changed):
            changed[at] ^= 1 << random.randrange(8)
        elif kind == 1:
            del changed[at : at + length]
        elif kind == 2:
            changed[at:at] = changed[at : at + length] * random.choice([1, 1, 1, 50])
        elif kind == 3:
            changed[at:at] = random.choice(WORDS)
        elif kind == 4:
            changed[at : at + length] = random.randbytes(length)
        elif random.randrange(4) == 0:
            del changed[at:]
    return bytes(changed)


def json_damaged(data: bytes, random: Random) -> bytes:
    """A JSON text with one to three of its values, keys or items changed; now and then its bytes."""
    if random.randrange(4) == 0:
        return damaged(data, random)
    value = json.loads(data)
    for _ in range(random.randint(1, 3)):
        value = changed_value(value, random)
    return json.dumps(value).encode("utf-8", "surrogatepass")


def changed_value(value: Any, random: Random) -> Any:
    """The value with one part of it replaced, removed, repeated, renamed or nested."""
    path = []
    part = value
    while isinstance(part, dict | list) and part and random.randrange(5):
        step = random.choice(list(part)) if isinstance(part, dict) else random.randrange(len(part))
        path.append((part, step))
        part = part[step]
    if not path:
        return deepcopy(random.choice(VALUES))
    holder, step = path[-1]
    kind = random.randrange(6)
    if kind == 0:
        del holder[step]
    elif kind == 1 and isinstance(holder, list):
        holder.insert(step, deepcopy(holder[step]))
    elif kind == 2 and isinstance(holder, dict):
        holder[random.choice([*NAMES, step + "x", step.lower(), step.upper()])] = holder.pop(step)
    elif kind == 3:
        holder[step] = [holder[step]]
    elif kind == 4 and isinstance(part, list) and part:
        holder[step] = part[0]
    else:
        holder[step] = deepcopy(random.choice(VALUES))
    return value


def npz_damaged(data: bytes, random: Random) -> bytes:
    """An NPZ with its bytes, its arrays or the claims of its members changed."""
    kind = random.randrange(4)
    if kind == 0:
        return damaged(data, random)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {member.filename: archive.read(member) for member in archive.infolist()}
    name = random.choice(list(members))
    if kind == 1:
        members[name] = npy_damaged(members[name], random)
    elif kind == 2:
        members[random.choice([*(f"{key}.npy" for key in NAMES), "x.txt", "layers.0.weights.npy"])] = members.pop(name)
    else:
        members[name] = npy_of(changed_array(np.load(io.BytesIO(members[name])), random))
    out = io.BytesIO()
    method = random.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    with zipfile.ZipFile(out, "w", method) as archive:
        for key, content in members.items():
            archive.writestr(key, content)
    made = out.getvalue()
    if random.randrange(5) == 0:  # a member that claims another size
        size = len(members[random.choice(list(members))]).to_bytes(4, "little")
        made = made.replace(size, random.choice([0, 1, 200, 2**20, 2**31, 2**32 - 1]).to_bytes(4, "little"))
    return made


def pickle_damaged(data: bytes, random: Random) -> bytes:
    """A file of torch.save() with its bytes, its pickle or the numbers of a storage changed."""
    if random.randrange(4) == 0:
        return damaged(data, random)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {member.filename: archive.read(member) for member in archive.infolist()}
    name = "archive/data.pkl" if random.randrange(3) else random.choice(list(members))
    kind = random.randrange(5)
    if kind == 0:
        members[random.choice(["archive/byteorder", "archive/data/0", "other/data.pkl"])] = members.pop(name)
    elif kind == 1:
        old, new = random.choice(PICKLED)
        members[name] = members[name].replace(old, new, random.choice([1, -1]))
    else:
        members[name] = damaged(members[name], random)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", random.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])) as archive:
        for key, content in members.items():
            archive.writestr(key, content)
    return out.getvalue()


PICKLED = [
    (b"_rebuild_tensor_v2", b"_rebuild_tensor"),
    (b"ctorch._utils\n_rebuild_tensor_v2", b"cos\nsystem"),
    (b"FloatStorage", b"LongStorage"),
    (b"storage", b"module"),
    (b"X\x07", b"X\xff"),
    (b"J", b"K"),
    (b"t", b"l"),
    (b"R", b"o"),
    (b"Q", b"P"),
    (b"\x89", b"\x88"),
    (b"}", b"]"),
    (b"u.", b"s."),
    (b"(", b""),
]
"""Bytes of a pickle, and what they are changed to: other functions, kinds and opcodes."""


def npy_of(array: Any) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=True)
    return out.getvalue()


def npy_damaged(data: bytes, random: Random) -> bytes:
    """An NPY with its bytes, its header or its array changed."""
    kind = random.randrange(3)
    if kind == 0:
        return damaged(data, random)
    if kind == 1:
        return npy_of(changed_array(np.load(io.BytesIO(data)), random))
    head = data[: 10 + int.from_bytes(data[8:10], "little")]
    words = [(b"<f8", b"<f2"), (b"<f8", b">f8"), (b"<f8", b"|O"), (b"<f8", b"<U0"), (b"<f8", b"<c16"), (b"<f8", b"|S8")]
    words += [(b"False", b"True"), (b"(", b"(0, "), (b"(", b"(-1, "), (b"(", b"(99999999999999999999, "), (b"(", b"((")]
    words += [(b"'descr'", b"'desc'"), (b"{", b"{{"), (b"<f8", b"<m8"), (b"<f8", b"<M8[s]"), (b"<f8", b"|V8")]
    old, new = random.choice(words)
    return head.replace(old, new) + data[len(head) :]


def changed_array(array: Any, random: Random) -> Any:
    """An array of another dtype or shape, or with odd numbers in it."""
    if array.dtype.kind not in "fiu" or not array.size or not array.ndim:
        return random.choice([np.array(""), np.array("causal"), np.array(["x", "y"]), np.array(3), np.zeros(3)])
    with np.errstate(all="ignore"):
        return random.choice(_changes(array, random))


def _changes(array: Any, random: Random) -> list[Any]:
    """The array as several others."""
    odd = array.astype(float)
    odd.flat[random.randrange(odd.size)] = random.choice([np.nan, np.inf, -np.inf, 1e308, -1e308, 1e-320, 0, -1])
    axes = random.sample(range(array.ndim), array.ndim)
    shapes = [array.shape[::-1], (1, *array.shape), (*array.shape, 1), (-1,), (1, 1, -1)]
    return [
        array.astype(random.choice(["f2", "f4", "i8", "u1", "?", "c16", "U3", "O", ">f8", "S2"])),
        array.reshape(random.choice(shapes)),
        array[..., : random.randrange(array.shape[-1] + 1)],
        np.concatenate([array, array]),
        array.transpose(axes),
        odd,
        odd * random.choice([0, 1e300, -1, 1e-300, 2]),
    ]


def tensors_damaged(data: bytes, random: Random) -> bytes:
    """A safetensors file with its bytes, or the JSON of its header, changed; the header's length follows."""
    if random.randrange(3) == 0:
        return damaged(data, random)
    length = int.from_bytes(data[:8], "little")
    header = json_damaged(data[8 : 8 + length], random)
    claimed = len(header) if random.randrange(5) else random.choice([0, 2**31, 2**63, len(header) + 1])
    return struct.pack("<Q", claimed) + header + data[8 + length :]


def text_damaged(data: bytes, random: Random) -> bytes:
    """Lines of text with lines, cells or bytes changed."""
    if random.randrange(3) == 0:
        return damaged(data, random)
    lines = data.decode("utf-8", "surrogateescape").split("\n")
    for _ in range(random.randint(1, 3)):
        at = random.randrange(len(lines))
        cells = lines[at].split(",")
        kind = random.randrange(5)
        if kind == 0:
            del lines[at]
            lines = lines or [""]
        elif kind == 1:
            lines.insert(at, lines[at])
        elif kind == 2:
            cells[random.randrange(len(cells))] = str(
                random.choice([*VALUES, '"', "1,5", "1_0", "\u0662", ";", "1" * 5000])
            )
            lines[at] = ",".join(cells)
        elif kind == 3:
            lines[at] = random.choice([";", "\t", " ", ", "]).join(cells)
        else:
            random.shuffle(cells)
            lines[at] = ",".join(cells)
    return "\n".join(lines).encode("utf-8", "surrogatepass" if random.randrange(9) == 0 else "backslashreplace")
