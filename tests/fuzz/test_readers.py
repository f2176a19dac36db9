"""A few damaged inputs for every reader: each is taken, or refused as what it is."""

from contextlib import redirect_stderr, redirect_stdout
from io import BytesIO, TextIOWrapper
from pathlib import Path
from random import Random
from warnings import catch_warnings, simplefilter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attn_cli.cli.boundary import run
from tests.fuzz.readers import FILE, READERS

PAGES = ("model", "check")
"""Commands whose page may say why there is nothing to run or to check, with exit 1."""
OPTIONAL = {"tokenizer": "tokenizers", "sentence-pieces": "sentencepiece", "gguf": "gguf"}
EXAMPLES = 12


class Prepared:
    """A reader, the inputs that it takes, and where a damaged one is put."""

    def __init__(self, name: str, inputs: list[bytes], target: Path) -> None:
        self.name, self.inputs, self.target = name, inputs, target

    def __repr__(self) -> str:
        return self.name  # the inputs are too long to show


@pytest.fixture(scope="module", params=READERS)
def prepared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> "Prepared":
    """A reader in a folder of its own."""
    name = str(request.param)
    pytest.importorskip(OPTIONAL.get(name, "numpy"))
    folder = tmp_path_factory.mktemp(name)
    reader, target = READERS[name], folder / "input"
    inputs = reader.inputs(folder / "inputs")
    if reader.base is not None:
        reader.base(target)
    return Prepared(name, inputs, target)


def outcome(arguments: tuple[str, ...], target: Path) -> tuple[int, str, str]:
    """The exit code, the output and the errors of a command line, which shows no warnings of NumPy."""
    out, errors = (TextIOWrapper(BytesIO(), encoding="utf-8") for _ in range(2))
    with redirect_stdout(out), redirect_stderr(errors), catch_warnings():
        simplefilter("ignore")
        code = run([word.replace(FILE, str(target)) for word in arguments])
    out.seek(0)
    errors.seek(0)
    return code, out.read(), errors.read()


def test_an_input_that_is_sound_is_taken(prepared: Prepared) -> None:
    name, inputs, target = prepared.name, prepared.inputs, prepared.target
    reader = READERS[name]
    for data in inputs[:1] if reader.file == "config.json" else inputs:
        (target / reader.file if reader.file else target).write_bytes(data)
        code, out, errors = outcome(reader.commands[0], target)
        assert (code, errors, out != "") == (0, "", True)


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_a_damaged_input_is_taken_or_refused_in_two_lines(prepared: Prepared, seed: int) -> None:
    name, inputs, target = prepared.name, prepared.inputs, prepared.target
    reader, random = READERS[name], Random(seed)
    (target / reader.file if reader.file else target).write_bytes(reader.mutate(random.choice(inputs), random))
    command = random.choice(reader.commands)
    code, out, errors = outcome(command, target)
    assert code in (0, 1, 2, 3), errors
    reported = code == 1 and command[0] in PAGES and out
    assert len(errors.splitlines()) == (2 if code in (1, 2) and not reported else 0), errors
