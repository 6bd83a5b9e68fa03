"""Many cases over many processes or machines; a lost worker's cases run again."""

from __future__ import annotations

from concurrent.futures import Executor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from typing import TYPE_CHECKING

from anyseg_core.errors import ConfigurationError, MissingDependencyError
from anyseg_core.replay.job import JobResult, ReplaySettings, run_job

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence

    from anyseg_core.replay.cases import Case
    from anyseg_core.replay.run import CaseResult

CASES_PER_JOB = 128
"""More share more of what is made once, fewer spread better and lose less with a worker."""

ATTEMPTS = 3
CONNECT_S = 5


def plan_jobs(cases: Sequence[Case], workers: int) -> list[tuple[Case, ...]]:
    """Split cases into jobs, as many for each worker; the first, nominal case leads each of them.

    Cases with the same faults stay in one job, where these are put in once, and stand in it beside
    those with other faults of the same sensor, where the others' features are kept.
    """
    nominal, others = cases[0], cases[1:]
    together: dict[Hashable, list[Case]] = {}
    for case in others:
        together.setdefault(case.faults or case.name, []).append(case)
    rounds = -(-len(others) // (workers * CASES_PER_JOB))
    jobs: list[list[Case]] = [[] for _ in range(min(len(together), workers * rounds))]
    for group in sorted(together.values(), key=_sensors_hit):
        min(jobs, key=len).extend(group)
    return [(nominal, *job) for job in jobs] or [(nominal,)]


def _sensors_hit(group: Sequence[Case]) -> list[str]:
    return [fault.sensor for fault in group[0].faults]


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


def merge_results(jobs: Iterable[JobResult], cases: Sequence[Case]) -> list[CaseResult]:
    """Return the result of each case once, in their order; every job brings the nominal one's."""
    found = {result.case.name: result for job in jobs for result in job.results}
    return [found[case.name] for case in cases]


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
