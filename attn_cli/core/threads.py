"""Work shared out to threads: NumPy lets go of the interpreter's lock while it calculates."""

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
    """Work on every item, on as many threads at a time, this one among them; the work may not do so in turn."""
    todo = iter(items)

    def help_out() -> None:
        with np.errstate(all="ignore"):  # of this thread; NaN and infinities are noted, not warned of
            np.setbufsize(256)  # a longer buffer than a row makes NumPy copy what it broadcasts along the row
            for item in todo:
                work(item)

    if threads == 1 or len(items) == 1:
        help_out()
        return
    ended: SimpleQueue[BaseException | None] = SimpleQueue()

    def helper() -> None:
        try:
            help_out()
            ended.put(None)
        except BaseException as error:
            ended.put(error)

    helpers = min(threads, len(items)) - 1
    for _ in range(helpers):
        _jobs().put(helper)
    try:
        help_out()
    finally:
        list(todo)  # after an error here nobody goes on
        errors = [ended.get() for _ in range(helpers)]
    for error in filter(None, errors):
        raise error


def chunks(count: int, wanted: int, grain: int = 1) -> list[slice]:
    """`count` things cut into as many equal runs, or fewer, each but the last a multiple of `grain` long."""
    step = max(1, -(-count // max(1, wanted) // grain) * grain)
    return [slice(start, min(start + step, count)) for start in range(0, count, step)]


def threads_for(work: int, worth: int) -> int:
    """As many threads as there are cores, and as have something to do that is `worth` waking them."""
    return max(1, min(cores(), work // worth))


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _jobs() -> Jobs:
    """What waiting threads take their work from: to start one takes as long as a small product."""
    jobs: Jobs = SimpleQueue()
    for _ in range(max(1, cores() - 1)):
        Thread(target=_serve, args=(jobs,), daemon=True).start()
    return jobs


def _serve(jobs: Jobs) -> None:
    while True:
        jobs.get()()


if hasattr(os, "register_at_fork"):  # a forked process has none of these threads
    os.register_at_fork(after_in_child=_jobs.cache_clear)
