"""Processes of this machine that share out a piece of work and the cores it takes."""

from __future__ import annotations

import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import wait
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.sharedctypes import Synchronized


def usable_cores() -> int:
    """Return how many of the machine's cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def local_processes(
    workers: int, begin: Callable[[], None] | None = None
) -> Iterator[ProcessPoolExecutor]:
    """Give a pool of processes, started anew so that no thread's state is copied.

    Each computes on its share of the processor: threads of several that all want the whole of it
    would wait for each other. They end with this process, also where it is killed; work that has
    not begun when the context is left is not done.

    Args:
        workers: how many processes.
        begin: what each does first; picklable.
    """
    context = multiprocessing.get_context("spawn")
    started = context.Value("i", 0)
    pool = ProcessPoolExecutor(
        workers, mp_context=context, initializer=_start, initargs=(started, workers, begin)
    )
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _start(
    started: Synchronized[int], workers: int, begin: Callable[[], None] | None = None
) -> None:
    _take_share(started, workers)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent.sentinel,), daemon=True).start()
    if begin is not None:
        begin()


def _take_share(started: Synchronized[int], workers: int) -> None:
    """Keep this process, the next of its pool, to its share of the cores, where Linux has it so."""
    if not hasattr(os, "sched_setaffinity"):
        return
    with started.get_lock():
        index, started.value = started.value % workers, started.value + 1
    cores = sorted(os.sched_getaffinity(0))
    own = cores[index::workers] or [cores[index % len(cores)]]
    os.sched_setaffinity(0, own)


def _follow(parent: int) -> None:
    wait([parent])
    os._exit(1)  # nobody is left who would take the result
