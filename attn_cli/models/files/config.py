"""A checkpoint's config.json: every key is read, or known to be harmless, or refused."""

from collections.abc import Collection, Mapping
from typing import Any

from attn_cli.errors import DocumentError

HARMLESS = frozenset((
    "_name_or_path", "_attn_implementation", "_attn_implementation_autoset", "_commit_hash", "_flash_attn_2_enabled",
    "_from_model_config", "_num_labels", "architectures", "attn_implementation", "auto_map", "bad_words_ids",
    "begin_suppress_tokens", "bos_token_id", "chunk_size_feed_forward", "classifier_dropout",
    "cross_attention_hidden_size", "decoder_start_token_id", "diversity_penalty", "do_sample", "dtype",
    "early_stopping", "encoder_no_repeat_ngram_size", "eos_token_id",
    "exponential_decay_length_penalty", "finetuning_task", "forced_bos_token_id", "forced_eos_token_id",
    "gradient_checkpointing", "id2label", "initializer_range", "is_decoder", "is_encoder_decoder", "label2id",
    "language", "length_penalty", "max_length", "min_length", "model_type", "name_or_path", "no_repeat_ngram_size",
    "num_beam_groups", "num_beams", "num_labels", "num_return_sequences", "output_attentions", "output_hidden_states",
    "output_past", "output_scores", "pad_token_id", "prefix", "pretraining_tp", "problem_type", "pruned_heads",
    "remove_invalid_values", "repetition_penalty", "return_dict", "return_dict_in_generate", "sentence_transformers",
    "sep_token_id", "suppress_tokens", "task_specific_params", "temperature", "tf_legacy_loss", "tie_encoder_decoder",
    "tie_word_embeddings", "tokenizer_class", "top_k", "top_p", "torch_dtype", "torchscript", "transformers.js_config",
    "transformers_version", "typical_p", "unsloth_fixed", "unsloth_version", "use_bfloat16", "use_cache",
    "vocab_size", "xla_device",
))  # fmt: skip
"""Keys that change nothing in the arithmetic of attention, in any family."""

LAYERS, MOST = 10_000, 2**40
"""No model has nearly so many layers, of which a plan is made each before anything is read, or of anything else."""

_NOTHING: Any = object()


class Config:
    """A config.json, or a part of it, that remembers which keys were read."""

    def __init__(self, values: Mapping[str, Any], where: str) -> None:
        self.values = values
        self.where = where
        self.assumed: dict[str, Any] = {}
        self.read: set[str] = set()
        self.parts: list[Config] = []

    def assume(self, values: Mapping[str, Any]) -> "Config":
        """Fill in keys that the file lacks, as a family has them; what is null in the file stays null."""
        self.assumed |= values
        return self

    def get(self, key: str, default: Any = _NOTHING) -> Any:
        """The value as it stands, null counting as absent; DocumentError where it is missing without a default."""
        self.read.add(key)
        value = self.values.get(key, self.assumed.get(key))
        if value is not None:
            return value
        if default is _NOTHING:
            raise DocumentError(f"{self.where}: lacks {key}", hint="is this the config.json of the checkpoint?")
        return default

    def whole(self, key: str, default: Any = _NOTHING) -> Any:
        """A whole number from 1, no larger than there could be; the default may be None."""
        value = self._typed(key, default, int, "a whole number from 1")
        most = LAYERS if "layer" in key else MOST
        if value is not None and value > most:
            raise self._wrong(key, f"a whole number up to {most}", value)
        return value

    def number(self, key: str, default: Any = _NOTHING) -> Any:
        """A number as a float; the default may be None."""
        value = self.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float | None):
            raise self._wrong(key, "a number", value)
        return value if value is None else float(value)

    def flag(self, key: str, default: bool) -> bool:
        value = self.get(key, default)
        if not isinstance(value, bool):
            raise self._wrong(key, "true or false", value)
        return value

    def word(self, key: str, default: Any = _NOTHING) -> Any:
        return self._typed(key, default, str, "a word")

    def part(self, key: str) -> "Config":
        """A nested object; an empty one where there is none."""
        value = self.get(key, {})
        if not isinstance(value, dict):
            raise self._wrong(key, "an object", value)
        part = Config(value, f"{self.where}: {key}")
        self.parts.append(part)
        return part

    def must_be(self, key: str, *allowed: Any) -> None:
        """Refuse a key that changes the arithmetic in a way nobody has written yet."""
        value = self.get(key, allowed[0])
        if value not in allowed:
            raise DocumentError(
                f"{self.where}: {key} is {value!r}, which attn does not compute",
                hint=f"it computes {' or '.join(map(repr, allowed))}; a wrong picture would be worse than none",
            )

    def refuse_quantized(self) -> None:
        """DocumentError, with the method's name, where weights are packed into a few bits each."""
        packed = self.get("quantization_config", None)
        if packed:
            method = str(packed.get("quant_method") if isinstance(packed, dict) else packed)
            raise DocumentError(
                f"{self.where}: the weights are quantized by {method}"[:300] + ", which attn does not read",
                hint="use a copy of the checkpoint in bfloat16 or float32",
            )

    def refuse_unread(self, harmless: Collection[str]) -> None:
        """DocumentError for the first key, here or in a part, that was not read and is not known to change nothing."""
        for part in self.parts:
            part.refuse_unread(harmless)
        unknown = sorted(
            key
            for key, value in self.values.items()
            if key not in self.read and key not in HARMLESS and key not in harmless and value is not None
        )
        if unknown:
            raise DocumentError(
                f"{self.where}: {unknown[0]} is not understood, and may change the arithmetic",
                hint=f"remove it if it does not: {', '.join(unknown[:6])}",
            )

    def _typed(self, key: str, default: Any, kind: type[Any], words: str) -> Any:
        value = self.get(key, default)
        if value is None and default is None:
            return None
        if isinstance(value, bool) or not isinstance(value, kind) or (isinstance(value, int) and value < 1):
            raise self._wrong(key, words, value)
        return value

    def _wrong(self, key: str, expected: str, found: Any) -> DocumentError:
        return DocumentError(
            f"{self.where}: {key}: expected {expected}, found {found!r}"[:300], hint="mend config.json"
        )
