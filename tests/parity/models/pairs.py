"""Encoder–decoders: T5, BART and their kin."""

from dataclasses import replace

from tests.parity.models.cases import Case

T5 = {
    "d_model": 27,
    "d_kv": 3,
    "d_ff": 37,
    "num_heads": 2,
    "num_layers": 2,
    "num_decoder_layers": 1,
    "vocab_size": 101,
}
SMALL = {"relative_attention_num_buckets": 12, "relative_attention_max_distance": 31, "num_decoder_layers": 2}
V1_1 = T5 | SMALL | {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}
PAIR = Case("t5", "t5", T5, auto="AutoModelForSeq2SeqLM", target=True)
HEAD = {"lm_head.weight": [101, 27]}
BART = {
    "d_model": 22,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 1,
    "encoder_ffn_dim": 37,
    "decoder_ffn_dim": 29,
    "max_position_embeddings": 256,
    "vocab_size": 101,
}
MARIAN = BART | {"pad_token_id": 100, "decoder_start_token_id": 100, "activation_function": "swish"}
APART = {"share_encoder_decoder_embeddings": False, "decoder_vocab_size": 107, "tie_word_embeddings": False}

CASES = (
    PAIR,
    replace(PAIR, name="t5-v1.1", config=V1_1, also=HEAD, dtype="BF16", shards=2),
    replace(PAIR, name="mt5", model_type="mt5", config=T5 | SMALL | {"d_ff": 41}, also=HEAD),
    replace(PAIR, name="umt5", model_type="umt5", config=T5),
    Case("t5-encoder", "t5", T5 | SMALL | {"feed_forward_proj": "gated-silu"}, auto="T5EncoderModel"),
    replace(PAIR, name="bart", model_type="bart", config=BART),
    replace(PAIR, name="bart-unprefixed", model_type="bart", config=BART, renamed=(("model.", ""),), shards=2),
    replace(PAIR, name="mbart", model_type="mbart", config=BART | {"scale_embedding": True}),
    replace(PAIR, name="marian", model_type="marian", config=MARIAN | {"scale_embedding": True}),
    replace(PAIR, name="marian-apart", model_type="marian", config=MARIAN | APART),
    replace(PAIR, name="pegasus", model_type="pegasus", config=BART, dtype="F16"),
    replace(PAIR, name="m2m_100", model_type="m2m_100", config=BART | {"pad_token_id": 17}),
    replace(
        PAIR,
        name="m2m_100-odd",
        model_type="m2m_100",
        config=BART
        | {"d_model": 23, "encoder_attention_heads": 1, "scale_embedding": False, "max_position_embeddings": 64},
        dtype="BF16",
    ),
)
