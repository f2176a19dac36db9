"""Share work among threads; NumPy releases the interpreter lock while it computes."""

import os
from collections.abc import Callable, Sequence
from functools import cache
from queue import SimpleQueue
from threading import Thread
from typing import TypeVar

import numpy as np

Item = TypeVar("Item")
Jobs = SimpleQueue[Callable[[], None]]


def each(items: Sequence[Item], work: Callable[[Item], object], threads: int) -> None:
    """Call `work` on every item, on `threads` threads including this one; `work` must not call `each`."""
    todo = iter(items)

    def run() -> None:
        with np.errstate(all="ignore"):  # settings are per thread; NaN and infinities are reported elsewhere
            np.setbufsize(256)  # with a buffer longer than a row, NumPy copies broadcast operands
            for item in todo:
                work(item)

    if threads == 1 or len(items) == 1:
        run()
        return
    ended: SimpleQueue[BaseException | None] = SimpleQueue()

    def helper() -> None:
        try:
            run()
            ended.put(None)
        except BaseException as error:
            ended.put(error)

    helpers = min(threads, len(items)) - 1
    for _ in range(helpers):
        _jobs().put(helper)
    try:
        run()
    finally:
        list(todo)  # after an error, no thread takes another item
        errors = [ended.get() for _ in range(helpers)]
    for error in filter(None, errors):
        raise error


def chunks(count: int, wanted: int, grain: int = 1) -> list[slice]:
    """Cut `count` items into at most `wanted` slices of equal length, a multiple of `grain` except for the last."""
    step = max(1, -(-count // max(1, wanted) // grain) * grain)
    return [slice(start, min(start + step, count)) for start in range(0, count, step)]


def threads_for(work: int, worth: int) -> int:
    """The number of threads for `work`: at most one per core, each with at least `worth` of the work."""
    return max(1, min(cores(), work // worth))


def cores() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _jobs() -> Jobs:
    """The queue of the waiting threads; they stay alive, because starting one takes as long as a small product."""
    jobs: Jobs = SimpleQueue()
    for _ in range(max(1, cores() - 1)):
        Thread(target=_serve, args=(jobs,), daemon=True).start()
    return jobs


def _serve(jobs: Jobs) -> None:
    while True:
        jobs.get()()


if hasattr(os, "register_at_fork"):  # a forked process starts without these threads
    os.register_at_fork(after_in_child=_jobs.cache_clear)
