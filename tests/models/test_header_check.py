"""Headers that contradict the config, found without reading a weight; and what `attn model` does about them."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from attn_cli.cli.boundary import run

SAMPLE = Path(__file__).parents[2] / "samples" / "known-heads"
Tensors = dict[str, np.ndarray]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SAMPLE, tmp_path / "model"))


def weights(change: Callable[[Tensors], None]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        tensors = load_file(folder / "model.safetensors")
        change(tensors)
        save_file(tensors, folder / "model.safetensors")

    return apply


def without(name: str) -> Callable[[Path], None]:
    return weights(lambda tensors: tensors.pop(name))  # type: ignore[arg-type]


def wider(name: str) -> Callable[[Path], None]:
    def change(tensors: Tensors) -> None:
        tensors[name] = np.concatenate([tensors[name], tensors[name][..., :3]], axis=-1)

    return weights(change)


def config(**changes: object) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        values = json.loads((folder / "config.json").read_text()) | changes
        (folder / "config.json").write_text(json.dumps(values))

    return apply


def file(name: str, content: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_text(content) and None


FAULTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "a missing layer": (config(n_layer=3), "lacks h.2.attn.c_attn.weight"),
    "a missing feed-forward part": (without("h.1.mlp.c_proj.weight"), "lacks h.1.mlp.c_proj.weight"),
    "a missing output matrix": (without("h.0.attn.c_proj.weight"), "lacks h.0.attn.c_proj.weight"),
    "heads that do not divide": (config(n_head=7), "h.0.attn.c_attn.weight"),
    "a projection that is too wide": (wider("h.0.attn.c_attn.weight"), "h.0.attn.c_attn.weight"),
    "a feed-forward part that is too wide": (wider("h.1.mlp.c_fc.weight"), "h.1.mlp.c_fc.weight"),
    "a norm that is too long": (wider("h.0.ln_1.weight"), "h.0.ln_1.weight has 195 numbers"),
    "a bias that is too long": (wider("h.1.mlp.c_proj.bias"), "h.1.mlp.c_proj"),
    "an embedding of another width": (config(n_embd=96), "config.json says"),
    "a model that is not computed": (config(model_type="mamba"), "has no attention"),
}


@pytest.mark.parametrize("what", FAULTS)
def test_what_no_command_can_run_is_described_with_exit_1(
    what: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damage, words = FAULTS[what]
    damage(folder)
    assert run(["model", str(folder)]) == 1
    assert words in " ".join(capsys.readouterr().out.split())
    assert run(["model", str(folder), "--json"]) == 1
    described = json.loads(capsys.readouterr().out)
    assert described["refused"]
    assert run(["heatmap", "-m", str(folder), "the cat", "--next", "1"]) == 1  # which runs the model to its end


def test_what_can_be_run_is_described_with_exit_0(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "tokenizer.json").unlink()  # --ids still run it
    assert run(["model", str(folder)]) == 0
    assert "none: use --ids" in capsys.readouterr().out
    (folder / "tokenizer.json").write_text('{"model": 3}')  # and here too
    assert run(["model", str(folder)]) == 0
    assert "cannot be opened" in capsys.readouterr().out
    assert run(["model", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tokenizer_fault"]
    assert run(["heatmap", "-m", str(folder), "the cat"]) == 1
    capsys.readouterr()
    assert run(["heatmap", "-m", str(folder), "--ids", "1,2,3"]) == 0
