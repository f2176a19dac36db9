"""Read a checkpoint's config.json: every key is either read, known to be harmless, or refused."""

import sys
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from attn_cli.errors import DocumentError, UsageError

HARMLESS = frozenset((
    "_attn_implementation", "_attn_implementation_autoset", "_commit_hash", "_flash_attn_2_enabled",
    "_from_model_config", "_name_or_path", "_num_labels", "architectures", "attn_implementation", "auto_map",
    "bad_words_ids", "begin_suppress_tokens", "bos_token_id", "chunk_size_feed_forward", "classifier_dropout",
    "cross_attention_hidden_size", "custom_pipelines", "decoder_start_token_id", "diversity_penalty", "do_sample",
    "dtype", "early_stopping", "encoder_no_repeat_ngram_size", "eos_token_id", "exponential_decay_length_penalty",
    "finetuning_task", "forced_bos_token_id", "forced_eos_token_id", "gradient_checkpointing", "id2label",
    "initializer_range", "is_decoder", "is_encoder_decoder", "label2id", "language", "length_penalty",
    "loss_function", "loss_type", "max_length", "min_length", "model_max_length", "model_type", "name_or_path",
    "no_repeat_ngram_size", "num_beam_groups", "num_beams", "num_labels", "num_return_sequences",
    "output_attentions", "output_hidden_states", "output_past", "output_scores", "pad_token_id", "prefix",
    "pretraining_tp", "problem_type", "pruned_heads", "remove_invalid_values", "repetition_penalty", "return_dict",
    "return_dict_in_generate", "sentence_transformers", "sep_token_id", "suppress_tokens", "task_specific_params",
    "temperature", "tf_legacy_loss", "tie_encoder_decoder", "tie_word_embeddings", "tokenizer_class", "top_k",
    "top_p", "torch_dtype", "torchscript", "transformers.js_config", "transformers_version", "typical_p",
    "uniem_embedding_strategy", "unsloth_fixed", "unsloth_version", "use_bfloat16", "use_cache", "vocab_size",
    "xla_device",
))  # fmt: skip
"""Keys that do not change attention in any family."""

LAYERS, MOST = 10_000, 2**40
"""The limits of a count of layers and of any other count, far above any model's."""

_MISSING: Any = object()
MEND = "correct config.json"


class Config:
    """A config.json, or an object in it, that records the keys that were read.

    `ignored` keys stay unread without an error, each with a note; `notes` are remarks for the reader of results.
    """

    def __init__(self, values: Mapping[str, Any], where: str, ignored: Collection[str] = ()) -> None:
        self.values = values
        self.where = where
        self.ignored = ignored
        self.notes: list[str] = []
        self.assumed: dict[str, Any] = {}
        self.read: set[str] = set()
        self.parts: list[Config] = []

    def assume(self, values: Mapping[str, Any]) -> "Config":
        """Add the family's defaults for missing keys; a null in the file stays null."""
        self.assumed |= values
        return self

    def get(self, key: str, default: Any = _MISSING) -> Any:
        """The value in the file, or the default if it is missing or null; DocumentError without a default."""
        self.read.add(key)
        value = self.values.get(key, self.assumed.get(key))
        if value is not None:
            return value
        if default is _MISSING:
            raise DocumentError(
                f"{self.where}: lacks {key}", hint=f"it may be another model's config.json; add {key} if you know it"
            )
        return default

    def whole(self, key: str, default: Any = _MISSING) -> Any:
        """A whole number from 1 to a limit; the default may be None."""
        value = self._typed(key, default, int, "a whole number from 1")
        most = LAYERS if "layer" in key else MOST
        if value is not None and value > most:
            raise self._wrong(key, f"a whole number up to {most}", value)
        return value

    def number(self, key: str, default: Any = _MISSING, *, least: float = 0) -> Any:
        """A finite number from `least` on, as a float; the default may be None."""
        value = self.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float | None):
            raise self._wrong(key, "a number", value)
        if value is None:
            return None
        if not least <= value <= sys.float_info.max:
            raise self._wrong(key, f"a finite number from {least:g}", value)
        return float(value)

    def flag(self, key: str, default: bool) -> bool:
        """A truth value."""
        value = self.get(key, default)
        if not isinstance(value, bool):
            raise self._wrong(key, "true or false", value)
        return value

    def word(self, key: str, default: Any = _MISSING) -> Any:
        """A string; the default may be None."""
        return self._typed(key, default, str, "a word")

    def part(self, key: str) -> "Config":
        """A nested object; an empty one if there is none."""
        value = self.get(key, {})
        if not isinstance(value, dict):
            raise self._wrong(key, "an object", value)
        part = Config(value, f"{self.where}: {key}")
        self.parts.append(part)
        return part

    def must_be(self, key: str, *allowed: Any) -> None:
        """DocumentError unless the value is among those that attn computes; the first one is the default."""
        value = self.get(key, allowed[0])
        if value not in allowed:
            raise DocumentError(
                f"{self.where}: {key} is {value!r}, which attn does not compute"[:300],
                hint=f"it computes {' or '.join(map(repr, allowed))}; a wrong picture would be worse than none",
            )

    def refuse_quantized(self) -> None:
        """DocumentError, with the method's name, for quantized weights that attn does not read.

        MLX describes its method under `quantization`, and newer files repeat it under `quantization_config`.
        """
        mlx, packed = self.get("quantization", None), self.get("quantization_config", None)
        if packed and (mlx is None or (isinstance(packed, dict) and packed.get("quant_method"))):
            method = packed.get("quant_method") if isinstance(packed, dict) else packed
            raise DocumentError(
                f"{self.where}: the weights are quantized by {method or 'an unnamed method'}"[:300]
                + ", which attn does not read",
                hint="use a copy of the checkpoint in bfloat16 or float32",
            )

    def refuse_unread(self, harmless: Collection[str]) -> None:
        """DocumentError for a key that is not read, harmless or ignored; UsageError for a needless --ignore-key."""
        unknown = {(config.where, key): key for config in self._configs() for key in config._unread(harmless)}
        unread = [(where, key) for where, key in unknown if key not in self.ignored]
        if unread:
            where, key = unread[0]
            names = [f"--ignore-key {key}" for key in dict.fromkeys(key for _, key in unread[:6])]
            raise DocumentError(
                f"{where}: {key} is not understood, and may change the arithmetic"[:300],
                hint=f"if it does not, accept it: {' '.join(names)}"[:300],
            )
        if unused := [key for key in self.ignored if key not in unknown.values()]:
            raise UsageError(
                f"--ignore-key {unused[0]}: attn reads that key, knows that it is harmless, or the config lacks it",
                hint=f"leave --ignore-key {unused[0]} out",
            )
        self.notes += [f"{where}: {key} is ignored, as --ignore-key asks" for where, key in unknown]

    def _configs(self) -> Iterator["Config"]:
        """The objects within this one, then this one."""
        for part in self.parts:
            yield from part._configs()
        yield self

    def _unread(self, harmless: Collection[str]) -> list[str]:
        known = {*self.read, *HARMLESS, *harmless}
        return sorted(key for key, value in self.values.items() if key not in known and value is not None)

    def _typed(self, key: str, default: Any, kind: type[Any], words: str) -> Any:
        value = self.get(key, default)
        if value is None and default is None:
            return None
        if isinstance(value, bool) or not isinstance(value, kind) or (isinstance(value, int) and value < 1):
            raise self._wrong(key, words, value)
        return value

    def _wrong(self, key: str, expected: str, value: Any) -> DocumentError:
        return DocumentError(f"{self.where}: {key}: expected {expected}, found {value!r}"[:300], hint=MEND)
