"""Open a checkpoint's tokenizer: tokenizer.json, older files, or the metadata of a GGUF file."""

import json
import os
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from attn_cli.errors import DocumentError
from attn_cli.models.files.other import check_lfs
from attn_cli.models.gguf import is_gguf
from attn_cli.models.tokenizers.legacy import OLDER
from attn_cli.models.tokenizers.library import growth, library_errors, state_of, tokenizers_library
from attn_cli.models.tokenizers.tokenizer import Tokenizer


def open_tokenizer(folder: str) -> Tokenizer:
    """The tokenizer of a folder or GGUF file; DocumentError if it has none, AttnError without the library."""
    if is_gguf(folder):
        from attn_cli.models.tokenizers.gguf_tokenizer import file_tokenizer

        return file_tokenizer(folder)
    if os.path.exists(os.path.join(folder, "tokenizer.json")):
        return _from_json(folder)
    for file, opened in OLDER.items():
        if os.path.exists(path := os.path.join(folder, file)):
            with library_errors(partial(_damaged, path)):
                return opened(folder)
    raise DocumentError(
        f"{folder}: has no tokenizer (tokenizer.json, {', '.join(OLDER)})",
        hint="copy its tokenizer files too, or give --ids 5,17,3",
    )


def _from_json(folder: str) -> Tokenizer:
    path = os.path.join(folder, "tokenizer.json")
    check_lfs(path)
    with library_errors(partial(_damaged, path)):
        library = tokenizers_library().Tokenizer.from_file(path)
        library.no_padding()
        library.no_truncation()
        if getattr(library.model, "dropout", None):  # dropout would make the tokens of a text random
            library.model.dropout = None
        parts = [state_of(part) for part in (library.normalizer, library.pre_tokenizer, library.decoder)]
        return Tokenizer(library, _style(parts), growth(parts[0], state_of(library.post_processor)))


def _damaged(path: str, words: str) -> DocumentError:
    """The error for a tokenizer file that the library cannot read."""
    return DocumentError(
        f"{path}: is not a tokenizer that can be read: {words}"[:300], hint="copy or download it again, or give --ids"
    )


def _style(parts: Sequence[Mapping[str, Any]]) -> str:
    """How tokens spell text (bytes, pieces, spaces or plain), from the settings of the components."""
    settings = json.dumps(parts, ensure_ascii=False)
    if '"ByteLevel"' in settings:
        return "bytes"
    if '"WordPiece"' in settings:
        return "pieces"
    return "spaces" if "▁" in settings or '"Metaspace"' in settings else "plain"
