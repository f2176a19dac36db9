"""Errors for folders and files that attn does not read as a checkpoint, with hints."""

import json
import os
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType

from attn_cli.errors import DocumentError
from attn_cli.models.files.names import SINGLE, WEIGHTS
from attn_cli.models.gguf.tags import models, some

CONFIG, ADAPTER = "config.json", "adapter_config.json"
LFS = b"version https://git-lfs.github.com/spec/"
FOLDER = "name the folder that holds config.json and the weights"
SAVE = "convert it: transformers' model.save_pretrained(folder) writes model.safetensors"

FORMATS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "adapter_model.safetensors": ("an adapter", "merge it into its base model, or name the base model"),
        "adapter_model.bin": ("an adapter", "merge it into its base model, or name the base model"),
        ".safetensors": ("safetensors under another name", f"rename the file to {SINGLE}, if it is the whole model"),
        ".onnx": ("a model for ONNX Runtime", "take the repository that it was exported from"),
        ".gguf": ("a GGUF file", "name the file itself"),
        ".h5": ("weights of TensorFlow", SAVE),
        ".msgpack": ("weights of Flax", SAVE),
        ".ot": ("weights of rust-bert", SAVE),
        ".index": ("a checkpoint of TensorFlow", SAVE),
        ".npz": ("arrays of NumPy", "attn reads them with -w, if they are a document"),
        ".mlmodel": ("a model for Core ML", "take the repository that it was exported from"),
        ".mlpackage": ("a model for Core ML", "take the repository that it was exported from"),
        ".tflite": ("a model for TensorFlow Lite", "take the repository that it was exported from"),
        ".nemo": ("a model of NeMo", "take its export in the Hugging Face layout"),
        ".engine": ("an engine of TensorRT", "take the repository that it was built from"),
        ".distcp": ("shards of a distributed training run", "join them: accelerate merge-weights"),
        "consolidated.00.pth": ("Meta's own format", "take the copy in the Hugging Face layout"),
        ".pth": ("a PyTorch file under another name", SAVE),
        ".pt": ("a PyTorch file under another name", SAVE),
        ".ckpt": ("a training checkpoint", SAVE),
        ".bin": ("a binary file under another name", SAVE),
    }
)
"""The suffix of a file's name → its kind and a hint; the first match is used."""
NAMES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "consolidated.safetensors": ("the weights in Mistral's own names", "take the copy in the Hugging Face layout"),
        "openvino_model.bin": ("a model for OpenVINO", "take the repository that it was exported from"),
        "openvino_model.xml": ("a model for OpenVINO", "take the repository that it was exported from"),
        "training_args.bin": ("settings of a training run", SAVE),
        "optimizer.pt": ("the state of a training run", SAVE),
        "rng_state.pth": ("the state of a training run", SAVE),
        "scheduler.pt": ("the state of a training run", SAVE),
    }
)
"""A file's full name → its kind and a hint."""
STATES = ("training_args.bin", "optimizer.pt", "rng_state.pth", "scheduler.pt", "scaler.pt")


def is_lfs(path: str) -> bool:
    """Whether a file is a Git LFS pointer to a large file."""
    try:
        with open(path, "rb") as file:
            return file.read(len(LFS)) == LFS
    except OSError:
        return False


def check_lfs(path: str) -> None:
    """DocumentError if a file is a Git LFS pointer."""
    if is_lfs(path):
        raise DocumentError(
            f"{path}: is a Git LFS pointer, not the file itself",
            hint="run git lfs pull in the folder, or download the file",
        )


def other_weights(where: str, files: Iterable[str]) -> DocumentError:
    """The error for a folder or repository without readable weights; it names the weights it does hold."""
    names = sorted(files, key=lambda file: (file.count("/"), file))
    for name in names:
        if (format_ := _known(name)) is not None and os.path.basename(name) not in STATES:
            return DocumentError(
                f"{where}: holds no {SINGLE}, but {name}, which is {format_[0]}: attn does not read that",
                hint=format_[1],
            )
    return DocumentError(f"{where}: holds no {SINGLE}", hint="copy or download the weights too")


def folder_of_several(folder: str) -> str:
    """The folder, or the only GGUF file in it; DocumentError for a folder without a checkpoint.

    A folder without config.json may be an adapter, a folder of a training run, GGUF files, or a parent folder.
    """
    if os.path.exists(os.path.join(folder, CONFIG)):
        return folder
    names = sorted(os.listdir(folder))
    if ADAPTER in names:
        raise _adapter(folder)
    gguf = models(names)
    if len(gguf) == 1:
        return os.path.join(folder, gguf[0])
    if gguf:
        raise DocumentError(
            f"{folder}: holds {len(gguf)} GGUF files: {some(gguf)}", hint=f"name one: -m {folder}/{gguf[0]}"
        )
    if "params.json" in names:
        raise DocumentError(
            f"{folder}: holds params.json in place of config.json: it is in the maker's own format",
            hint="take the copy in the Hugging Face layout",
        )
    inside = [name for name in names if os.path.exists(os.path.join(folder, name, CONFIG))]
    if inside:
        raise DocumentError(
            f"{folder}: holds no {CONFIG}, but {some(inside)} in it {'does' if len(inside) == 1 else 'do'}",
            hint=f"name the folder: -m {os.path.join(folder, inside[-1])}",
        )
    if any(name in WEIGHTS for name in names):
        raise DocumentError(f"{folder}: holds weights, and no {CONFIG}", hint="copy or download its config.json too")
    if any(_known(name) for name in names):
        raise other_weights(folder, names)
    raise DocumentError(f"{os.path.join(folder, CONFIG)}: no such file", hint=FOLDER)


def file_error(path: str) -> DocumentError:
    """The error for a file that is given as a model but is not a GGUF file."""
    if is_lfs(path):
        return DocumentError(
            f"{path}: is a Git LFS pointer, not the file itself", hint="run git lfs pull in its folder, or download it"
        )
    name, folder = os.path.basename(path), os.path.dirname(path) or "."
    if name in WEIGHTS or name == CONFIG:
        return DocumentError(f"{path}: is a file of a checkpoint", hint=f"name its folder: -m {folder}")
    format_ = _known(name)
    if format_ is None:
        return DocumentError(f"{path}: is a file, and not a GGUF file", hint=FOLDER)
    return DocumentError(f"{path}: is {format_[0]}, which attn does not read", hint=format_[1])


def lacking_weights(folder: str) -> DocumentError:
    """The error for a folder with a config but without readable weights."""
    return other_weights(folder, _files(folder))


def _files(folder: str, depth: int = 2) -> Collection[str]:
    """The names of the files in a folder and one level below."""
    names: list[str] = []
    for entry in os.scandir(folder):
        if entry.is_dir() and depth > 1:
            names += [f"{entry.name}/{name}" for name in _files(entry.path, depth - 1)]
        else:
            names.append(entry.name)
    return names


def _known(name: str) -> tuple[str, str] | None:
    """The kind of a file by its name, and a hint; None if it holds no weights."""
    base = os.path.basename(name).lower()
    if base in NAMES:
        return NAMES[base]
    return next((words for ending, words in FORMATS.items() if base.endswith(ending)), None)


def _adapter(folder: str) -> DocumentError:
    """The error for an adapter's folder, with the name of its base model."""
    base, kind = "its base model", "adapter"
    try:
        with open(os.path.join(folder, ADAPTER), "rb") as file:
            settings = json.load(file)
        base = str(settings.get("base_model_name_or_path") or base)
        kind = f"{settings['peft_type']} adapter" if settings.get("peft_type") else kind
    except (OSError, ValueError, AttributeError, RecursionError):
        pass
    kind = kind.replace("LORA", "LoRA")
    return DocumentError(
        f"{folder}: is a {kind} of {base}, not a whole model"[:300],
        hint=f"merge it: peft's merge_and_unload, then save_pretrained; or name the base model: -m {base}"[:300],
    )
