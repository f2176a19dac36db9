"""A checkpoint under changes, and what its heads write, against the sample whose heads are known."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from attn_cli.analysis.logits.ablation import ablations
from attn_cli.analysis.logits.head_writes import writes
from attn_cli.analysis.logits.logit_attribution import logit_attribution
from attn_cli.errors import SelectionError
from attn_cli.models.explain import expectation, run_model, run_to_next
from attn_cli.models.next_token import log_shares, shift
from attn_cli.models.request import ModelRequest, open_request
from attn_cli.sources.whatif import WhatIf
from tests.cli.conftest import Attn, call  # noqa: F401

pytest.importorskip("tokenizers")
SAMPLE = str(Path(__file__).parents[2] / "samples" / "known-heads")
TEXT = "the cat sat on the mat and the cat"
INDUCTION = WhatIf(without_heads=("1.0",))


def request(what_if: WhatIf = INDUCTION, text: str = TEXT, **options: Any) -> ModelRequest:
    return ModelRequest(SAMPLE, text, what_if=what_if, **options)


def likeliest(what_if: WhatIf, count: int = 2) -> list[str]:
    expected = run_to_next(request(what_if, next=count))[1]
    assert expected is not None
    return [expected.name(number) for number in expected.likeliest(count)]


def test_without_the_induction_head_the_word_after_the_last_time_is_not_expected() -> None:
    assert likeliest(WhatIf())[0] == "sat"
    assert "sat" not in likeliest(INDUCTION, count=1)
    # Induction needs to know which word came before: without that head it falls too.
    assert "sat" not in likeliest(WhatIf(without_heads=("0.0",)), count=1)
    assert likeliest(WhatIf(without_heads=("0.3", "1.1")))[0] == "sat"


def test_a_head_that_is_switched_off_is_one_whose_rows_of_w_o_are_zero(tmp_path: Path) -> None:
    import shutil

    from safetensors.numpy import load_file, save_file

    shutil.copytree(SAMPLE, tmp_path / "zeroed")
    tensors = load_file(tmp_path / "zeroed" / "model.safetensors")
    tensors["h.1.attn.c_proj.weight"] = tensors["h.1.attn.c_proj.weight"].copy()
    tensors["h.1.attn.c_proj.weight"][:48] = 0  # the rows that head 0 of width 48 goes through
    save_file(tensors, tmp_path / "zeroed" / "model.safetensors", {"format": "pt"})
    by_hand = run_to_next(ModelRequest(str(tmp_path / "zeroed"), TEXT, next=1))[1]
    switched = run_to_next(request(next=1))[1]
    assert by_hand is not None
    assert switched is not None
    np.testing.assert_allclose(switched.logs, by_hand.logs, atol=1e-6)


def test_the_heads_that_matter_are_ranked_first_and_the_others_move_nothing() -> None:
    seen: list[tuple[int, int]] = []
    found = ablations(request(WhatIf()), progress=lambda done, count: seen.append((done, count)))
    assert (found.token, [(one.layer, one.head) for one in found.heads[:2]]) == (
        "sat",
        [("layers.0", 0), ("layers.1", 0)],
    )
    assert all(one.kl < 1e-6 for one in found.heads[2:])
    assert found.heads[1].top == "cat"
    assert seen == [(done, 8) for done in range(9)]
    model, text, target = open_request(request())
    stream = model.stream(text.ids, text.tokens, (), target.ids, target.tokens)
    while True:
        try:
            next(stream)
        except StopIteration as end:
            after = expectation(model, end.value, str).logs
            break
    before = run_to_next(request(WhatIf(), next=1))[1]
    assert before is not None
    moved = shift(before.logs, after)
    assert (found.heads[1].kl, found.heads[1].log_change) == (moved.kl, moved.log_change)


def test_a_shift_is_the_divergence_of_the_distribution_before() -> None:
    before, after = (log_shares(np.log(np.array(shares))) for shares in ([0.5, 0.25, 0.25], [0.25, 0.5, 0.25]))
    moved = shift(before, after)
    assert moved.kl == pytest.approx(0.5 * np.log(2) - 0.25 * np.log(2))
    assert (moved.top, moved.log_change) == (0, pytest.approx(-np.log(2)))
    assert shift(before, before).kl == 0


def test_the_parts_add_up_to_every_logit() -> None:
    found = logit_attribution(*open_request(request(WhatIf())))
    total = found.unembed(np.sum([part.vector for part in found.components], axis=0)[np.newaxis])[0] + found.bias
    np.testing.assert_allclose(total, found.logits, atol=1e-4)
    each = sum(found.unembed(part.vector[np.newaxis])[0] for part in found.components) + found.bias
    np.testing.assert_allclose(each, found.logits, atol=1e-4)


def test_the_induction_head_promotes_what_it_copies_and_copies_every_word() -> None:
    found = writes(request(WhatIf()))
    heads = {(head.layer, head.head): head for head in found.heads}
    induction = heads["layers.1", 0]
    assert (found.token.token, induction.promotes[0].token) == ("sat", "sat")
    assert induction.top == pytest.approx(induction.promotes[0].logit)
    assert induction.top > 0.9 * found.token.logit
    assert sum(logit for _, logit in found.components) == pytest.approx(found.token.logit, abs=1e-4)
    assert induction.circuit.copying == pytest.approx(1, abs=1e-3)
    assert heads["layers.0", 2].circuit.matching == pytest.approx(1, abs=1e-3)  # it looks for the same word
    assert heads["layers.0", 3].circuit.copying is None
    assert [(head.layer, head.head) for head in writes(request(WhatIf()), layers="1", heads="0,2").heads] == [
        ("layers.1", 0),
        ("layers.1", 2),
    ]


def test_a_model_whose_attention_is_masked_another_way_runs_with_that_mask_in_every_layer() -> None:
    trace = run_model(request(WhatIf(mask="sliding:2")), stages=["weights"])
    for layer in trace.layers:
        assert layer.settings.mask == "sliding:2"
        assert not np.triu(layer["weights"], 1).any()
        assert not np.tril(layer["weights"], -2).any()
    assert run_model(request(WhatIf(mask="none")))["layers.0"].settings.mask == "none"


def test_a_temperature_divides_the_scores_before_softmax() -> None:
    plain, warm = (run_model(request(WhatIf(temperature=t)), layers="0", stages=None)[0] for t in (None, "2"))
    np.testing.assert_allclose(warm["scaled"], plain["scaled"] / 2, rtol=1e-6)
    np.testing.assert_array_equal(warm["scores"], plain["scores"])


def test_a_token_that_is_left_out_is_never_seen_by_the_model() -> None:
    without = run_model(request(WhatIf(without_tokens=("sat", "mat"))), stages=["weights"])
    said = run_model(request(WhatIf(), "the cat on the and the cat"), stages=["weights"])
    assert without.tokens == said.tokens
    for one, other in zip(without.layers, said.layers, strict=True):
        np.testing.assert_array_equal(one["weights"], other["weights"])


def test_what_is_set_in_one_layer_is_what_the_next_one_is_made_of() -> None:
    """The first layer's previous-token head is made to look elsewhere: induction follows."""
    row = ",".join("1" if place == 4 else "0" for place in range(10))
    put = f"layers.0.weights[0][3]=[{row}]"  # "sat" takes "on" for the word before it, not "cat"
    changed = run_model(request(WhatIf(puts=(put,))), stages=["weights", "head_output"])
    np.testing.assert_array_equal(changed["layers.0"]["weights"][0, 3], np.eye(10)[4])
    plain = run_model(request(WhatIf()), stages=["weights"])
    assert plain["layers.1"]["weights"][0, 9].argmax() == 3
    assert changed["layers.1"]["weights"][0, 9, 3] < 0.2
    assert any("weights[0][3]" in note for note in changed.notes)


def test_a_comparison_shows_the_next_tokens_before_and_after(call: Attn) -> None:  # noqa: F811
    ran = call("compare", TEXT, "-m", SAMPLE, "--without-head", "1.0", "--next", "2", "--json")
    found = ran.json()
    assert (ran.code, found["first"]) == (3, {"layer": "layers.1", "layer_index": 1, "stage": "output"})
    tokens = {token["token"]: token for token in found["next"]["tokens"]}
    assert tokens["sat"]["a"] > 0.99
    assert tokens["sat"]["b"] < 0.01
    assert found["next"]["top"]["token"] == "sat"
    assert found["b"]["notes"][-1] == "what if: without head 1.0"
    out = call("compare", TEXT, "-m", SAMPLE, "--without-head", "1.0", "--next", "2").out
    assert "Next token: the prediction changes by " in out


def test_two_checkpoints_are_compared(call: Attn) -> None:  # noqa: F811
    ran = call("compare", TEXT, "-m", SAMPLE, "--with", f"model={SAMPLE}", "--next", "1", "--json")
    assert (ran.code, ran.json()["next"]["kl"]) == (0, 0)


def test_two_layers_and_two_heads_of_one_run_are_compared(call: Attn) -> None:  # noqa: F811
    weights = {layer.name: layer["weights"] for layer in run_model(request(WhatIf()), stages=["weights"]).layers}
    ran = call("compare", TEXT, "-m", SAMPLE, "--layer", 0, "--head", 0, "--with", "head=1", "--json")
    stage = ran.json()["stages"][0]
    difference = weights["layers.0"][1] - weights["layers.0"][0]
    assert stage["largest"] == pytest.approx(float(np.abs(difference).max()))
    ran = call("compare", TEXT, "-m", SAMPLE, "--layer", 0, "--head", 0, "--with", "layer=1", "--json")
    difference = weights["layers.1"][0] - weights["layers.0"][0]
    assert ran.json()["stages"][0]["largest"] == pytest.approx(float(np.abs(difference).max()))
    call("compare", TEXT, "-m", SAMPLE, "--with", "layer=1").complains(2, "A has layers.1 too")


def test_the_commands_write_json_and_a_page(call: Attn) -> None:  # noqa: F811
    ablation = call("heads", TEXT, "-m", SAMPLE, "--by", "ablation", "--json").json()
    assert (ablation["format"], ablation["heads"][0]["head"], ablation["next"]["token"]) == ("attn.ablation", 0, "sat")
    written = call("heads", TEXT, "-m", SAMPLE, "--writes", "--next", "3", "--json").json()
    assert sum(part["logit"] for part in written["parts"]) == pytest.approx(written["next"]["logit"], abs=1e-4)
    ran = call("heads", TEXT, "-m", SAMPLE, "--by", "ablation")
    assert 'the next token is "sat" 99.4%' in " ".join(ran.out.split())
    assert ran.errors == ""  # a bar is for a terminal alone
    assert '"sat" +10.5' in call("heads", TEXT, "-m", SAMPLE, "--writes").out


def headless(folder: Path) -> str:
    """The sample as a model that predicts nothing: a BERT of the same kind has no unembedding."""
    bert = {
        "model_type": "bert",
        "vocab_size": 5,
        "hidden_size": 4,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 3,
        "max_position_embeddings": 8,
        "type_vocab_size": 2,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-12,
    }
    from safetensors.numpy import save_file

    shapes = {
        "embeddings.word_embeddings.weight": (5, 4),
        "embeddings.position_embeddings.weight": (8, 4),
        "embeddings.token_type_embeddings.weight": (2, 4),
        "embeddings.LayerNorm.weight": (4,),
        "embeddings.LayerNorm.bias": (4,),
        **{
            f"encoder.layer.0.attention.{part}.{kind}": (4, 4) if kind == "weight" else (4,)
            for part in ("self.query", "self.key", "self.value", "output.dense")
            for kind in ("weight", "bias")
        },
        **{
            f"encoder.layer.0.{part}.LayerNorm.{kind}": (4,)
            for part in ("attention.output", "output")
            for kind in ("weight", "bias")
        },
        "encoder.layer.0.intermediate.dense.weight": (3, 4),
        "encoder.layer.0.intermediate.dense.bias": (3,),
        "encoder.layer.0.output.dense.weight": (4, 3),
        "encoder.layer.0.output.dense.bias": (4,),
    }
    rng = np.random.default_rng(0)
    folder.mkdir()
    save_file(
        {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()},
        folder / "model.safetensors",
    )
    (folder / "config.json").write_text(json.dumps(bert))
    return str(folder)


@pytest.mark.parametrize("option", [["--writes"], ["--by", "ablation"]])
def test_a_model_without_an_unembedding_is_refused(call: Attn, tmp_path: Path, option: list[str]) -> None:  # noqa: F811
    call("heads", "-m", headless(tmp_path / "bert"), "--ids", "1,2,3", *option).complains(1, "is not a language model")


REFUSED = [
    (("--without-head", "5.1"), 1, "--without-head 5.1: there is no layer 5"),
    (("--without-head", "1.4"), 1, "--without-head 1.4: there is no head 4"),
    (("--without-head", "one"), 2, "'one' does not name a head"),
    (("--set", "weights[0][1][1]=1"), 2, "weights[0][1][1] is in each of 2 layers"),
    (("--set", "layers.1.weights[0][99][1]=1"), 1, "weights[0][99][1]: there is no row 99"),
    (("--set", "layers.1.weights[0][3]=[1,2]"), 1, "2 numbers for a row of 10"),
    (("--set", "layers.0.softcapped[0][0][0]=1"), 1, "there is no softcapped here to change"),
    (("--set", "layers.0.wieghts[0][0][0]=1"), 2, "there is no stage 'wieghts'"),
    (("--set", "layers.0.weights[0][0][0]=high"), 2, "neither a number nor a row"),
    (("--without-token", "zebra"), 1, "there is no token 'zebra'"),
    (("--temperature", "0"), 2, "a number above 0"),
    (("--mask", "circular"), 2, "unknown mask 'circular'"),
    (("--positions", "rope"), 2, "--positions cannot act here"),
]


@pytest.mark.parametrize(("options", "code", "message"), REFUSED)
def test_a_change_that_cannot_be_is_refused_with_its_place(
    options: tuple[str, ...],
    code: int,
    message: str,
    call: Attn,  # noqa: F811
) -> None:
    call("heatmap", TEXT, "-m", SAMPLE, *options).complains(code, message)


def test_heads_cannot_write_through_norms_of_sums() -> None:
    """A plan whose sums are normed after each layer: what a head writes is no part of the logit."""
    from dataclasses import replace

    model, text, target = open_request(request(WhatIf()))
    stack = model.architecture.stacks[0]
    layers = tuple(replace(plan, norms=(*plan.norms, "mlp_sum")) for plan in stack.layers)
    posted = replace(model, architecture=replace(model.architecture, stacks=(replace(stack, layers=layers),)))
    with pytest.raises(SelectionError, match="post-norm"):
        logit_attribution(posted, text, target)
