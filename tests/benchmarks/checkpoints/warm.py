"""One side of the warm measurement: warm.py attn|torch answers each line FOLDER N with seconds of a forward pass.

Both run the whole model on the same ids, keep the weights of every layer, and hold the tensors in memory.
"""

import sys
import time
from collections.abc import Callable
from functools import cache
from typing import Any

COUNT = 1000


@cache
def attn_side(folder: str) -> Callable[[list[int]], Any]:
    from attn_cli.models.model import open_model

    model = open_model(folder)

    def run(ids: list[int]) -> list[Any]:
        return list(model.stream(ids, [str(number) for number in ids], ("weights",)))

    return run


@cache
def torch_side(folder: str) -> Callable[[list[int]], Any]:
    import torch
    from transformers import AutoModel

    model = AutoModel.from_pretrained(folder, attn_implementation="eager")

    @torch.no_grad()
    def run(ids: list[int]) -> Any:
        return model(input_ids=torch.tensor([ids]), output_attentions=True)

    return run


def main() -> None:
    side = {"attn": attn_side, "torch": torch_side}[sys.argv[1]]
    for line in sys.stdin:
        folder, count = line.rstrip("\n").rsplit(" ", 1)
        run, ids = side(folder), [(7919 * place) % COUNT for place in range(int(count))]
        start = time.perf_counter()
        result = run(ids)
        seconds = time.perf_counter() - start
        del result
        print(seconds, flush=True)


if __name__ == "__main__":
    main()
