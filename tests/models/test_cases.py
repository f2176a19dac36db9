"""Checkpoints as people have them, small: what each is computed to, or what is said of it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from attn_cli.cli.boundary import run
from attn_cli.errors import DocumentError, UsageError
from attn_cli.models.explain import run_model
from attn_cli.models.hub import resolved
from attn_cli.models.model import open_model
from attn_cli.models.request import ModelRequest

CASES = Path(__file__).parent / "cases"
SAMPLE = Path(__file__).parents[2] / "samples" / "known-heads"


def weights_of(folder: Path, ids: str = "3,17,9,25,11", **more: object) -> tuple[np.ndarray, tuple[str, ...]]:
    trace = run_model(ModelRequest(str(folder), ids=ids, **more), stages=("weights",))  # type: ignore[arg-type]
    return trace.layers[0]["weights"], trace.notes


@pytest.mark.parametrize("case", ["pytorch-bin", "stella-bidirectional"])
def test_the_weights_are_those_of_the_checkpoints_own_code(case: str) -> None:
    expected = json.loads((CASES / case / "expected.json").read_text())
    weights, _ = weights_of(CASES / case, ",".join(map(str, expected["ids"])))
    np.testing.assert_allclose(weights, expected["layers.0.weights"], rtol=0, atol=2e-6)


@pytest.mark.parametrize("case", ["bert-embedding-size", "m3e-uniem-key"])
def test_keys_that_change_nothing_are_no_hindrance(case: str, tmp_path: Path) -> None:
    weights, notes = weights_of(CASES / case)
    assert notes == ()
    folder = Path(shutil.copytree(CASES / case, tmp_path / "model"))
    config = json.loads((folder / "config.json").read_text())
    for key in ("embedding_size", "uniem_embedding_strategy"):
        config.pop(key, None)
    (folder / "config.json").write_text(json.dumps(config))
    np.testing.assert_array_equal(weights_of(folder)[0], weights)


def test_embeddings_of_another_width_than_the_layers_are_refused(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(CASES / "bert-embedding-size", tmp_path / "model"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"embedding_size": 8}))
    with pytest.raises(DocumentError, match="embedding_size is 8"):
        open_model(str(folder))


REFUSALS = {
    "lora-adapter": ("is a LoRA adapter of tencent/HY-MT1.5-1.8B", "merge it"),
    "onnx-export": ("onnx/model.onnx, which is a model for ONNX Runtime", "the repository that it was exported from"),
    "lfs-weights": ("model.safetensors: is a Git LFS pointer", "git lfs pull"),
    "qwen3.5-hybrid": ("is a hybrid: of its 40 layers 3, 7, 11 … 39 (10 in all) attend", "whose layers all attend"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_is_not_computed_is_called_by_its_name(case: str) -> None:
    message, hint = REFUSALS[case]
    with pytest.raises(DocumentError) as caught:
        open_model(resolved(str(CASES / case)))
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_a_file_as_ollama_keeps_it_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    pytest.importorskip("gguf")
    from tests.models.converting import convert  # needs the package
    from tests.models.gguf.test_gguf import folder_of

    named = convert(folder_of("llama", tmp_path), tmp_path / "model.gguf")
    blob = tmp_path / "sha256-0123456789abcdef"
    shutil.copy(named, blob)
    assert resolved(str(blob)) == str(blob)
    np.testing.assert_array_equal(weights_of(blob)[0], weights_of(named)[0])
    (stored,) = CASES.glob("sha256-*")
    with pytest.raises(DocumentError, match="holds 0 tensors"):  # a vocabulary alone
        open_model(resolved(str(stored)))


@pytest.fixture
def twisted(tmp_path: Path) -> Path:
    """The sample with keys that no family knows."""
    folder = Path(shutil.copytree(SAMPLE, tmp_path / "model"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"attention_twist": 3, "moon": "full"}))
    return folder


def test_a_key_is_waved_through_by_its_name_and_noted(twisted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["heatmap", "-m", str(twisted), "--ids", "3,5"]) == 1
    hint = capsys.readouterr().err
    assert hint.endswith("--ignore-key attention_twist --ignore-key moon\n")
    options = ["--ignore-key", "attention_twist", "--ignore-key", "moon"]
    assert run(["heatmap", "-m", str(twisted), "--ids", "3,5", *options, "--json"]) == 0
    notes = json.loads(capsys.readouterr().out)["notes"]
    assert [note.rpartition(": ")[2] for note in notes] == [
        "attention_twist is ignored, as --ignore-key asks",
        "moon is ignored, as --ignore-key asks",
    ]
    for command in (["model", str(twisted)], ["heads", "-m", str(twisted), "--ids", "3,5,4"]):
        assert run([*command, *options]) == 0
        assert "attention_twist is ignored" in "".join(capsys.readouterr())


@pytest.mark.parametrize("key", ["n_head", "initializer_range", "no_such_key"])
def test_a_key_that_is_read_or_not_there_cannot_be_ignored(key: str) -> None:
    with pytest.raises(UsageError, match=f"--ignore-key {key}"):
        open_model(str(SAMPLE), (key,))


def test_the_hint_to_ignore_a_key_leads_to_an_answer_that_is_right(twisted: Path) -> None:
    ignored, _ = weights_of(twisted, "3,5,4", ignored_keys=("attention_twist", "moon"))
    np.testing.assert_array_equal(ignored, weights_of(SAMPLE, "3,5,4")[0])


def changed(place: Path, case: str, **keys: object) -> Path:
    folder = Path(shutil.copytree(CASES / case, place / "model"))
    config = json.loads((folder / "config.json").read_text()) | keys
    (folder / "config.json").write_text(json.dumps({key: value for key, value in config.items() if value is not None}))
    return folder


CODE = """
class Qwen2Attention:
    def forward(self, x, is_causal=True): ...

class Qwen2Model:
    def __init__(self): raise SystemExit("this is never run")
    def forward(self, x, mask: Optional[bool] = None, is_causal: Optional[bool] = {default}): ...
raise SystemExit("nor is this")
"""


@pytest.mark.parametrize(("default", "causal"), [("False", False), ("True", True), ("None", False)])
def test_code_beside_a_checkpoint_is_looked_into_and_not_run(default: str, causal: bool, tmp_path: Path) -> None:
    folder = changed(tmp_path, "stella-bidirectional")
    (folder / "modeling_qwen.py").write_text(CODE.replace("{default}", default))
    weights, notes = weights_of(folder)
    assert (weights[0, 0, 1] == 0) == causal
    assert len(notes) == 1
    assert ("does not run" in notes[0]) == causal


@pytest.mark.parametrize("code", ["def (", "class Qwen2Model: pass", "x = " + "(" * 400, "\0"])
def test_code_that_says_nothing_is_as_if_it_were_not_there(code: str, tmp_path: Path) -> None:
    folder = changed(tmp_path, "stella-bidirectional")
    (folder / "modeling_qwen.py").write_text(code)
    assert weights_of(folder)[0][0, 0, 1] != 0


OTHER_CODE = {
    "another class of the same repository": {"auto_map": {"AutoModelForCausalLM": "modeling_moon.MoonForCausalLM"}},
    "another repository's": {"auto_map": {"AutoModel": "owner/name--modeling_moon.MoonModel"}},
}


@pytest.mark.parametrize("what", OTHER_CODE)
def test_code_of_its_own_that_nobody_knows_is_noted(what: str, tmp_path: Path) -> None:
    weights, notes = weights_of(changed(tmp_path, "stella-bidirectional", **OTHER_CODE[what]))
    assert weights[0, 0, 1] == 0
    assert len(notes) == 1
    assert "modeling_moon.Moon" in notes[0]
    assert "does not run" in notes[0]


def test_a_repository_that_borrows_the_code_of_another_is_computed_as_that(tmp_path: Path) -> None:
    borrowed = {"AutoModel": "Alibaba-NLP/gte-Qwen2-1.5B-instruct--modeling_qwen.Qwen2Model"}
    weights, notes = weights_of(changed(tmp_path, "stella-bidirectional", auto_map=borrowed))
    np.testing.assert_array_equal(weights, weights_of(CASES / "stella-bidirectional")[0])
    assert "attention is bidirectional" in notes[0]


@pytest.mark.parametrize("classes", [None, {"AutoConfig": "configuration_qwen.Config"}, {}, ["x"], {"AutoModel": 3}])
def test_no_code_of_the_model_is_no_note(classes: object, tmp_path: Path) -> None:
    weights, notes = weights_of(changed(tmp_path, "stella-bidirectional", auto_map=classes))
    assert (weights[0, 0, 1], notes) == (0, ())


def test_a_mask_may_be_set_where_the_checkpoint_has_none(capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(CASES / "stella-bidirectional")
    assert run(["heatmap", "-m", folder, "--ids", "3,17,9", "--mask", "causal", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["layers"][0]["weights"][0][0] == [1, 0, 0]
