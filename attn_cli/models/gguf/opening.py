"""A GGUF file as what a folder is: a config, and tensors once the config has said what is computed."""

from collections.abc import Callable, Collection
from functools import partial

from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config
from attn_cli.models.files.tensors import Tensors
from attn_cli.models.gguf.config import architecture_of, config_of
from attn_cli.models.gguf.tensors import tensors_of
from attn_cli.models.gguf.whole import whole


def opened(path: str, ignored: Collection[str] = ()) -> tuple[Config, Callable[[Family, Architecture], Tensors]]:
    """The file's config, and what gives its tensors; DocumentError for what is damaged, foreign or not understood."""
    found = whole(path)
    architecture = architecture_of(found)
    return config_of(found, architecture, ignored), partial(tensors_of, found, architecture)
