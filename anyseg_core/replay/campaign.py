"""Many cases over many processes or machines; a lost worker's cases run again."""

from __future__ import annotations

from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from multiprocessing import get_context
from typing import TYPE_CHECKING

from anyseg_core.errors import ConfigurationError, MissingDependencyError
from anyseg_core.replay.job import JobResult, ReplaySettings, run_job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from anyseg_core.replay.cases import Case

CASES_PER_JOB = 12
"""More share more of the network's answers, fewer spread better and lose less with a worker."""

ATTEMPTS = 3
CONNECT_S = 5


def plan_jobs(cases: Sequence[Case], workers: int) -> list[tuple[Case, ...]]:
    """Split cases into jobs; the first case, the nominal one, leads each of them."""
    nominal, others = cases[0], cases[1:]
    size = min(CASES_PER_JOB, max(1, -(-len(others) // workers)))
    chunks = [tuple(others[at : at + size]) for at in range(0, len(others), size)]
    return [(nominal, *chunk) for chunk in chunks] or [(nominal,)]


def run_campaign(
    settings: ReplaySettings,
    jobs: Sequence[tuple[Case, ...]],
    open_executor: Callable[[], AbstractContextManager[Executor]],
) -> Iterator[tuple[int, JobResult]]:
    """Run jobs and yield each one's index and result once, as they end.

    A job whose worker died is run again, up to three times in all.

    Raises:
        ConfigurationError: a job lost its worker each time.
        AnysegError: a job failed; its own error.
    """
    waiting = dict(enumerate(jobs))
    for _ in range(ATTEMPTS):
        with open_executor() as executor:
            futures = {
                executor.submit(run_job, settings, job): index for index, job in waiting.items()
            }
            try:
                for future in as_completed(futures):
                    result = future.result()
                    del waiting[futures[future]]
                    yield futures[future], result
            except BrokenProcessPool:
                continue
        return
    raise ConfigurationError(
        f"{len(waiting)} jobs whose worker died {ATTEMPTS} times",
        "workers that live as long as their job",
        "give it more memory, or fewer --workers",
    )


@contextmanager
def local_processes(workers: int) -> Iterator[Executor]:
    """Processes of this machine, started anew so that no thread's state is copied."""
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as executor:
        yield executor


@contextmanager
def dask_cluster(address: str) -> Iterator[Executor]:
    """Workers of a Dask cluster, which runs a lost worker's jobs again by itself.

    Args:
        address: of its scheduler, as ``tcp://10.0.0.2:8786``.

    Raises:
        MissingDependencyError: the package ``distributed`` is not installed.
        ConfigurationError: no scheduler answers there.
    """
    try:
        distributed = import_module("distributed")
    except ImportError as error:
        raise MissingDependencyError(
            "no package distributed", "it, for --cluster", "run: pip install 'anyseg_ros[cluster]'"
        ) from error
    try:
        client = distributed.Client(address, timeout=CONNECT_S)
    except OSError as error:
        raise ConfigurationError(
            f"--cluster {address} ({error})",
            "the address of a Dask scheduler",
            "start one: dask scheduler; dask worker ADDRESS on every machine",
        ) from error
    with client, client.get_executor() as executor:
        yield executor
