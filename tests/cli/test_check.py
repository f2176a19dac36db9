"""`attn check` as its users meet it."""

import json

import numpy as np
import pytest

from attn_cli.trace.files.npz import write_npz
from tests.cli.conftest import Attn

ALONE = b'{"weights": [[0.5, 0.5], [0.3, 0.7]]}'
FAULTY = b'{"weights": [[0.5, 0.5], [0.3, 0.6]]}'
SOUND = b'{"weights": [[0.5, 0.5], [0.25, 0.75]], "V": [[1, 2], [3, 4]], "head_output": [[2, 3], [2.5, 3.5]]}'


def test_a_sound_dump_exits_0_and_says_so(attn: Attn) -> None:
    ran = attn("check", "-", stdin=SOUND)
    assert (ran.code, ran.errors) == (0, "")
    assert ran.lines[0] == "sound: 1 relation between stored arrays compared, 1 layer × 1 head"
    assert "checked: head_output follows from weights and V" in ran.lines


def test_a_file_without_related_arrays_exits_1_and_says_what_to_store(attn: Attn) -> None:
    ran = attn("check", "-", stdin=ALONE)
    assert (ran.code, ran.errors) == (1, "")
    assert ran.lines[0] == "nothing to check: 1 layer × 1 head"
    assert "Store what belongs together: Q and K with weights" in " ".join(ran.out.split())


def test_a_faulty_dump_exits_3_with_nothing_on_standard_error(attn: Attn) -> None:
    ran = attn("check", "-", stdin=FAULTY)
    assert (ran.code, ran.errors) == (3, "")
    assert ran.lines[0].startswith("1 fault")
    for part in ("where", "query 1", "evidence", "0.9", "cause", "fix", "rows-not-1", "attn manual check"):
        assert part in ran.out
    assert max(map(len, ran.lines)) <= 80


@pytest.mark.parametrize(("stdin", "code", "faults"), [(SOUND, 0, 0), (FAULTY, 3, 1)])
def test_json_stands_on_standard_output_alone(attn: Attn, stdin: bytes, code: int, faults: int) -> None:
    ran = attn("check", "-w", "-", "--json", "--recompute", stdin=stdin)
    assert (ran.code, ran.errors) == (code, "")
    found = ran.json()
    assert (found["format"], found["version"], found["faults"], found["remarks"]) == ("attn.check", 1, faults, 0)
    assert len(found["findings"]) == faults
    assert found["verdict"] == ("faulty" if faults else "sound")
    assert list(found["errors"].get("layers.0", {})) == ([] if faults else ["head_output"])


def test_what_explain_writes_is_sound_in_each_form(call: Attn) -> None:
    options = ["--heads", "4", "--kv-heads", "2", "--dim", "8", "--mask", "causal", "--positions", "rope"]
    for name in ("trace.json", "trace.npz", "trace.safetensors"):
        assert call("explain", "one two three four", *options, "-o", name, "-q").code == 0
        ran = call("check", name, "--recompute", "--json")
        assert (ran.code, ran.json()["findings"]) == (0, [])
        errors = ran.json()["errors"]["layers.0"]
        assert max(error["absolute"] for error in errors.values()) < 1e-12


def test_options_declare_what_the_dump_should_be(call: Attn) -> None:
    assert call("check", "-", "--mask", "causal", stdin=ALONE).code == 3
    assert call("check", "-", "--mask", "cusal", stdin=SOUND).code == 2


def test_a_bare_matrix_is_checked_as_weights(call: Attn) -> None:
    assert call("check", "-", stdin=b"0.5,0.5\n0.25,0.75\n").code == 1
    assert call("check", "-", stdin=b"0.5,0.5\n0.25,0.25\n").code == 3


def test_nan_is_a_finding_and_no_refusal(call: Attn) -> None:
    ran = call("check", "-", "--json", stdin=b'{"weights": [[NaN, 0.5], [0, 1]]}')
    assert (ran.code, ran.json()["findings"][0]["code"]) == (3, "not-a-number")


def test_what_cannot_be_checked_exits_1_or_2(attn: Attn) -> None:
    attn("check", "gone.npz").complains(1, "gone.npz: no such file")
    attn("check", "-", stdin=b"{").complains(1, "standard input")
    attn("check").complains(2, "there is no FILE")
    attn("check", "a.json", "-w", "b.json").complains(2, "name two files")
    attn("check", "-", "--as", "V", stdin=SOUND).complains(2, "--as")


def test_a_report_is_written_in_the_format_of_its_suffix(call: Attn, tmp_path: object) -> None:
    ran = call("check", "-", "-o", "report.json", stdin=FAULTY)
    assert (ran.code, ran.data) == (3, b"")
    assert "report.json" in ran.errors
    with open(f"{tmp_path}/report.json", "rb") as file:
        assert json.load(file)["faults"] == 1
    call("check", "-", "-f", "npz", stdin=FAULTY).complains(2, "no arrays")


def test_every_byte_is_the_same_twice(call: Attn) -> None:
    rng = np.random.default_rng(0)
    data = write_npz({f"layers.{layer}.weights": rng.random((3, 5, 5)) for layer in range(4)})
    runs = [call("check", "-", "--recompute", stdin=data) for _ in range(2)]
    assert runs[0].code == 3
    assert runs[0].data == runs[1].data
