"""Work shared out to threads: all of it is done, once, and what goes wrong is said."""

import os
import threading

import pytest

from attn_cli.core.threads import each


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("count", [0, 1, 2, 23])
def test_every_item_is_worked_on_once(threads: int, count: int) -> None:
    done: list[int] = []
    each(range(count), done.append, threads)
    assert sorted(done) == list(range(count))


def test_another_thread_helps() -> None:
    both = threading.Barrier(2, timeout=60)
    each(range(2), lambda item: both.wait(), 2)


@pytest.mark.parametrize("bad", [0, 1])
def test_an_error_of_any_thread_is_raised_and_the_next_work_is_done(bad: int) -> None:
    both = threading.Barrier(2, timeout=60)

    def work(item: int) -> None:
        both.wait()
        if item == bad:
            raise ValueError(f"item {item}")

    with pytest.raises(ValueError, match=f"item {bad}"):
        each(range(2), work, 2)
    done: list[int] = []
    each(range(3), done.append, 2)
    assert sorted(done) == [0, 1, 2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own() -> None:
    each(range(2), id, 2)
    child = os.fork()
    if child == 0:
        done: list[int] = []
        each(range(5), done.append, 2)
        os._exit(0 if sorted(done) == list(range(5)) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
