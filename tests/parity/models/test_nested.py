"""Checkpoints with images: their text is what a text model of the same weights makes of it."""

import json
from pathlib import Path

import numpy as np

from attn_cli.models.model import open_model
from tests.parity.models.cases import TEXTS
from tests.parity.models.test_models import CASES, attentions, figures
from tests.parity.models.weights import write_folder

VISION = {"vision_config": {"depth": 3}, "image_token_index": 99}


def nest(folder: Path, model_type: str) -> None:
    """Put the config under `text_config`, and `language_model.` before every tensor's name."""
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({"model_type": model_type, "text_config": config, **VISION}))
    stored = (folder / "model.safetensors").read_bytes()
    start = 8 + int.from_bytes(stored[:8], "little")
    header = json.loads(stored[8:start])
    renamed = {name if name.startswith("__") else f"language_model.{name}": said for name, said in header.items()}
    text = json.dumps(renamed).encode()
    text += b" " * (-len(text) % 8)
    (folder / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + stored[start:])


def test_the_text_of_llama_4_is_computed_alike_with_images_and_without(tmp_path: Path) -> None:
    case, said = CASES["llama4"], json.loads(str(figures("llama4")["case"]))
    found = []
    for name in ("alone", "with-images"):
        write_folder(tmp_path / name, case, said["config"], said["shapes"])
        if name == "with-images":
            nest(tmp_path / name, "llama4")
        found.append(attentions(open_model(str(tmp_path / name)), case, TEXTS["long"]))
    (alone, logits), (nested, same) = found
    assert [layer.settings for layer in nested] == [layer.settings for layer in alone]
    np.testing.assert_allclose(nested[-1]["weights"], alone[-1]["weights"], atol=2e-5)
    assert logits is not None
    assert same is not None
    np.testing.assert_allclose(same, logits, atol=2e-4)
