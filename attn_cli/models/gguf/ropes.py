"""The rotary settings of a GGUF file, from keys or tensors of divisors, as keys of config.json."""

from attn_cli.models.files.config import Config
from attn_cli.models.gguf.architectures import GgufArchitecture
from attn_cli.models.gguf.config_values import Values, refused
from attn_cli.models.gguf.header import Header
from attn_cli.models.gguf.tensors import ROPE_TENSORS, numbers
from attn_cli.models.gguf.undo import unpermuted

FREQS, LONG, SHORT = ROPE_TENSORS


def rotary_values(metadata: Config, header: Header, architecture: GgufArchitecture, values: Values) -> Values:
    """The number of rotated features of a head, and the scaling of rotary positions."""
    width, rotated = values["head_dim"], metadata.whole("rope.dimension_count", values["head_dim"])
    if rotated != width and architecture.undo is unpermuted:
        raise refused(metadata, "rope.dimension_count", rotated)
    # config.json holds a share; half a feature more, so that rounding cannot lose one.
    partial: Values = {"partial_rotary_factor": 1.0 if rotated == width else (rotated + 0.5) / width}
    factor = metadata.number("rope.scaling.factor", None)
    kind = metadata.word("rope.scaling.type", "linear" if factor else "none")
    original = metadata.whole("rope.scaling.original_context_length", None)
    lists = {name: numbers(header, name) for name in (FREQS, LONG, SHORT) if name in header.tensors}
    scaling: Values | None
    if not lists and (kind == "none" or (kind == "linear" and not factor)):
        scaling = None
    elif kind == "none" and set(lists) == {FREQS}:
        # Llama 3.1 to 3.3: divisors for each pair, for texts of any length.
        scaling = {"short_factor": lists[FREQS], "long_factor": lists[FREQS], "attention_factor": 1.0}
        scaling |= {"rope_type": "longrope", "factor": 1.0, "original_max_position_embeddings": 1}
    elif kind in ("none", "longrope") and set(lists) == {LONG, SHORT} and original:
        scaling = {"short_factor": lists[SHORT], "long_factor": lists[LONG]}
        scaling |= {"rope_type": "longrope", "original_max_position_embeddings": original}
        scaling |= {"attention_factor": metadata.number("rope.scaling.attn_factor", 1.0)}
    elif kind == "linear" and not lists:
        scaling = {"rope_type": "linear", "factor": factor}
    elif kind == "yarn" and factor and original and not lists:
        scaling = {"rope_type": "yarn", "factor": factor, "original_max_position_embeddings": original}
        for key in ("beta_fast", "beta_slow"):
            scaling |= {key: metadata.number(f"rope.scaling.yarn_{key}", None)}
    else:
        raise refused(metadata, "rope.scaling.type", f"{kind} with {', '.join(lists) or 'no factors'}")
    return partial | ({"rope_scaling": scaling} if scaling else {})
