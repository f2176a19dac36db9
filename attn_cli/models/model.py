"""Model: a checkpoint that can be run on token ids."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np

from attn_cli.errors import DocumentError, SelectionError
from attn_cli.models.families import FAMILIES, family_of
from attn_cli.models.family import Architecture, Family
from attn_cli.models.files.config import Config
from attn_cli.models.files.model_type import model_type_of
from attn_cli.models.files.opening import config_of_folder, open_folder
from attn_cli.models.files.tensors import Tensors
from attn_cli.models.gguf import is_gguf
from attn_cli.models.network.arithmetic import check_alike
from attn_cli.models.network.forward import EncoderOutput, Keep, Stream, Watching, WeightSource, layers
from attn_cli.models.network.plan import StackPlan, Unembedding
from attn_cli.models.network.weights import Weights, unclaimed
from attn_cli.models.not_computed import not_computed
from attn_cli.models.own_code import attended
from attn_cli.trace.trace import Array


@dataclass(frozen=True, eq=False)
class Model:
    """A checkpoint: its folder, its architecture, and its tensors, whose names begin with `prefix`.

    `start` is the token id that begins a decoder's text; `notes` are remarks for the reader of results.
    """

    folder: str
    model_type: str
    architecture: Architecture
    tensors: Tensors
    prefix: str
    start: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def embedding_shape(self) -> tuple[int, ...]:
        """The shape (token id, feature) of the embedding table."""
        return self._embedding_shape(self._source(self.architecture.stacks[0]).layer(None))

    def _embedding_shape(self, weights: Weights) -> tuple[int, ...]:
        shape = self.tensors.tensors[weights.named("embed")].shape
        if len(shape) != 2:
            raise DocumentError(
                f"{weights.named('embed')} is not a matrix: it has {len(shape)} dimensions",
                hint="config.json and the weights contradict each other",
            )
        return shape

    def stream(
        self,
        ids: Sequence[int],
        tokens: Sequence[str],
        keep: Keep,
        target_ids: Sequence[int] = (),
        target_tokens: Sequence[str] = (),
        types: Sequence[int] | None = None,
        watch: Watching | None = None,
    ) -> Stream:
        """Yield every attention in order, with the stages in `keep`; return the last state (token, d_model).

        An encoder–decoder runs its encoder on `ids` and its decoder on `target_ids`. `types` are the segments of a
        pair of texts. `watch` holds, by the name of an attention, what is shown its scores while they are computed.
        """
        first = self.architecture.stacks[0]
        x = self.embedded(first, ids, types)
        state = yield from layers(self._source(first), first, x, tokens, keep, watch=watch)
        if len(self.architecture.stacks) == 1:
            return state
        second = self.architecture.stacks[1]
        encoder_output = EncoderOutput(state, tuple(tokens))
        x = self.embedded(second, target_ids)
        return (yield from layers(self._source(second), second, x, target_tokens, keep, encoder_output, watch=watch))

    def resumed(self, x: Array, first: int, tokens: Sequence[str]) -> Stream:
        """Run the last stack from layer `first` on x (token, d_model), the residual stream before it; keep no stage."""
        stack = self.architecture.stacks[-1]
        return layers(self._source(stack), stack, x, tokens, (), first=first)

    def embedded(self, stack: StackPlan, ids: Sequence[int], types: Sequence[int] | None = None) -> Array:
        """The vectors (token, d_model) of token ids, plus positions and types; SelectionError for an unknown id."""
        weights = self._source(stack).layer(None)
        id_array = np.asarray(ids, dtype=np.int64)
        count = self._embedding_shape(weights)[0]
        if len(id_array) and not 0 <= id_array.min() <= id_array.max() < count:
            bad = int(next(number for number in id_array if not 0 <= number < count))
            raise SelectionError(f"there is no token id {bad}", hint=f"{self.folder} has ids 0 to {count - 1}")
        if stack.max_positions is not None and stack.table != "none" and len(ids) > stack.max_positions:
            raise SelectionError(
                f"{len(ids)} tokens are more than the {stack.max_positions} positions of this model",
                hint="shorten the text",
            )
        x = weights.rows("embed", id_array)
        if stack.embed_scale != 1:
            x *= np.float32(stack.embed_scale)
        if weights.find("project_in") is not None:
            x = weights.apply("project_in", x)
        if weights.find("token_types") is not None:
            kinds = weights.rows("token_types", np.zeros(len(ids), np.int64) if types is None else np.asarray(types))
            check_alike(x, kinds, weights.named("token_types"))
            x += kinds
        if stack.table != "none":
            stored = weights.named("positions") in self.tensors or stack.table == "learned"
            at = stack.positions(id_array)
            added = weights.rows("positions", at) if stored else stack.sines(at, x.shape[1])
            check_alike(x, added, weights.named("positions"))
            x += added
        if stack.embed_norm is not None:
            x = weights.normed(stack.embed_norm, "embed_norm", x)
        return x if weights.find("embed_project") is None else weights.apply("embed_project", x)

    def logits(self, state: Array) -> Array:
        """The logits (token, token id) of states (token, d_model); SelectionError if this is not a language model."""
        logits = self.uncapped_logits(state)
        if (cap := self._unembedding.softcap) is not None:
            logits = cap * np.tanh(logits / cap)
        return logits

    @property
    def _unembedding(self) -> Unembedding:
        if self.architecture.unembedding is None:
            raise SelectionError(
                f"{self.folder} is not a language model: it predicts no next token",
                hint="leave out what asks for one: --next, --writes, --by ablation",
            )
        return self.architecture.unembedding

    def uncapped_logits(self, state: Array) -> Array:
        """The logits before the model's softcap: linear in the states, apart from a bias."""
        unembedding = self._unembedding
        weights = self._source(self.architecture.stacks[-1]).layer(None)
        tied = unembedding.tied or weights.named("unembed") not in self.tensors
        logits = weights.apply("embed" if tied else "unembed", state) * np.float32(unembedding.scale)
        if (bias := weights.find("logits_bias")) is not None:
            logits += bias
        return logits

    def unembedding_matrix(self) -> Array:
        """The unembedding matrix (token id, d_model)."""
        weights = self.weights_of(self.architecture.stacks[-1])
        tied = self._unembedding.tied or weights.named("unembed") not in self.tensors
        return weights.matrix("embed" if tied else "unembed")

    def weights_of(self, stack: StackPlan, layer: int | None = None) -> Weights:
        """The weights of a layer of a stack, or with None those outside layers."""
        return self._source(stack).layer(layer)

    def _source(self, stack: StackPlan) -> WeightSource:
        return WeightSource(self.tensors, stack.names, self.prefix)


def open_model(folder: str, ignored: Collection[str] = ()) -> Model:
    """The model of a folder or a GGUF file; DocumentError if anything is missing or unknown.

    `ignored` are unknown keys of the config to accept.
    """
    config, opened = _opened(folder, ignored)
    family = family_of(kind := model_type_of(config, FAMILIES))
    if family is None:
        raise not_computed(config, kind)
    config.refuse_quantized()
    architecture = attended(_read(family, config), config)
    config.refuse_unread(family.harmless_keys)
    tensors = opened(family, architecture)
    prefix = _prefix(tensors, architecture, family.prefixes, folder)
    unknown = unclaimed(tensors, [stack.names for stack in architecture.stacks], prefix, family.harmless_tensors)
    if unknown:
        raise DocumentError(
            f"{folder}: the tensor {unknown[0]} is not understood, and may change the arithmetic",
            hint=f"{len(unknown)} such tensors; is model_type {kind!r} right?",
        )
    start = config.values.get("decoder_start_token_id")
    start = start if isinstance(start, int) else None
    return Model(folder, kind, architecture, tensors, prefix, start, tuple(config.notes))


def _read(family: Family, config: Config) -> Architecture:
    """The architecture of a config; DocumentError for values of any wrong kind."""
    try:
        return family.read(config)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise DocumentError(
            f"{config.where}: a value is of the wrong kind: {type(error).__name__}: {error}"[:300],
            hint="correct config.json, or copy or download it again",
        ) from error


def _opened(folder: str, ignored: Collection[str]) -> tuple[Config, Callable[[Family, Architecture], Tensors]]:
    """The config, and a function that opens the tensors for an architecture."""
    if is_gguf(folder):
        from attn_cli.models.gguf.opening import opened

        return opened(folder, ignored)
    config = config_of_folder(folder, ignored)
    return config, lambda *_: open_folder(folder, config)


def _prefix(tensors: Tensors, architecture: Architecture, prefixes: tuple[str, ...], folder: str) -> str:
    """The prefix of the checkpoint's tensor names."""
    embed = architecture.stacks[0].names["embed"]
    module, others = (embed, ()) if isinstance(embed, str) else (embed.module, embed.others)
    for prefix in prefixes:
        if any(f"{prefix}{name}.weight" in tensors for name in (module, *others)):
            return prefix
    raise DocumentError(
        f"{folder}: the checkpoint lacks {prefixes[0]}{module}.weight", hint="copy or download all of its files"
    )
