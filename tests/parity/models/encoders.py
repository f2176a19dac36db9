"""Encoders: BERT and its kin."""

from tests.parity.models.cases import Case
from tests.parity.models.first import LLAMA

BERT = {
    "hidden_size": 21,
    "intermediate_size": 37,
    "num_attention_heads": 3,
    "num_hidden_layers": 2,
    "max_position_embeddings": 256,
    "vocab_size": 101,
}
OLD = (("bert.", ""), ("LayerNorm.weight", "LayerNorm.gamma"), ("LayerNorm.bias", "LayerNorm.beta"))
DISTIL = {
    "dim": 21,
    "hidden_dim": 37,
    "n_heads": 3,
    "n_layers": 2,
    "max_position_embeddings": 256,
    "vocab_size": 101,
}
ALBERT = BERT | {"embedding_size": 13, "num_hidden_layers": 3, "num_attention_heads": 1}
MODERN = BERT | {"hidden_size": 28, "num_attention_heads": 2, "num_hidden_layers": 3, "local_attention": 74}
IDS = {"pad_token_id": 0, "eos_token_id": 2, "bos_token_id": 1, "cls_token_id": 1, "sep_token_id": 2}
BIASES = {"attention_bias": True, "mlp_bias": True, "norm_bias": True}
ROPES = {
    "full_attention": {"rope_type": "default", "rope_theta": 3000.0},
    "sliding_attention": {"rope_type": "linear", "factor": 2.0, "rope_theta": 500.0},
}
SPELLED = {
    "layer_types": None,
    "rope_parameters": None,
    "global_attn_every_n_layers": 2,
    "global_rope_theta": 2000.0,
    "local_rope_theta": 400.0,
}
DEBERTA = BERT | {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "num_attention_heads": 3}
V3 = {"position_buckets": 30, "share_att_key": True, "norm_rel_ebd": "layer_norm", "position_biased_input": False}
FAR = {"max_relative_positions": 41, "pos_att_type": "c2p", "type_vocab_size": 2}

EUROBERT = {key: value for key, value in LLAMA.items() if key != "num_key_value_heads"} | {
    "pad_token_id": 1,
    "mask_token_id": 4,
    "rope_parameters": {"rope_type": "default", "rope_theta": 2500.0},
}

CASES = (
    Case("bert", "bert", BERT, auto="AutoModelForMaskedLM", types=True),
    Case("bert-pooler", "bert", BERT | {"hidden_act": "relu"}, auto="AutoModel", dtype="BF16", shards=2),
    Case("bert-old-names", "bert", BERT, auto="AutoModelForPreTraining", renamed=OLD),
    Case("roberta", "roberta", BERT, auto="AutoModelForMaskedLM"),
    Case("xlm-roberta-padding", "xlm-roberta", BERT | {"pad_token_id": 3, "type_vocab_size": 1}, auto="AutoModel"),
    Case("camembert", "camembert", BERT | {"num_hidden_layers": 1}, auto="AutoModelForMaskedLM"),
    Case("distilbert", "distilbert", DISTIL, auto="AutoModelForMaskedLM"),
    Case("electra", "electra", BERT | {"embedding_size": 13}, auto="AutoModel", types=True),
    Case("electra-even", "electra", BERT | {"embedding_size": 21}, auto="AutoModelForMaskedLM"),
    Case("albert", "albert", ALBERT, auto="AutoModelForMaskedLM", dtype="BF16", types=True),
    Case("mpnet", "mpnet", BERT, auto="AutoModel"),
    Case("modernbert", "modernbert", MODERN | IDS, auto="AutoModelForMaskedLM", older=SPELLED),
    Case("modernbert-biased", "modernbert", MODERN | IDS | BIASES | {"rope_parameters": ROPES}, auto="AutoModel"),
    Case("deberta-v3", "deberta-v2", DEBERTA | V3, auto="AutoModelForMaskedLM"),
    Case("deberta-v2-plain", "deberta-v2", DEBERTA | FAR, auto="AutoModel", types=True),
    Case("deberta", "deberta", DEBERTA | {"position_biased_input": False}, auto="AutoModelForMaskedLM"),
    Case("deberta-far", "deberta", DEBERTA | FAR | {"pos_att_type": "p2c"}, auto="AutoModel", dtype="BF16", types=True),
    Case("eurobert", "eurobert", EUROBERT, auto="AutoModelForMaskedLM"),
)
