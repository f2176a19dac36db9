"""Open a GGUF file like a folder: its config and its tensors."""

from collections.abc import Callable, Collection
from functools import partial

from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config
from attn_cli.models.files.tensors import Tensors
from attn_cli.models.gguf.config import architecture_of, config_of
from attn_cli.models.gguf.tensors import tensors_of
from attn_cli.models.gguf.whole import whole


def opened(path: str, ignored: Collection[str] = ()) -> tuple[Config, Callable[[Family, Architecture], Tensors]]:
    """The file's config, and a function that opens its tensors; DocumentError for a damaged or unknown file."""
    header = whole(path)
    architecture = architecture_of(header)
    return config_of(header, architecture, ignored), partial(tensors_of, header, architecture)
