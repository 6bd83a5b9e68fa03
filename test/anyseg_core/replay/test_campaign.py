"""Campaigns over several workers: every case once, also where a worker dies."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context

import pytest

from anyseg_core.config import PipelineConfig
from anyseg_core.errors import ConfigurationError
from anyseg_core.processes import local_processes
from anyseg_core.replay import (
    NOMINAL,
    ReplaySettings,
    campaign,
    dask_cluster,
    library_cases,
    nominal_case,
    plan_jobs,
    run_campaign,
    run_job,
    subset_cases,
)
from anyseg_core.replay.campaign import CASES_PER_JOB
from anyseg_core.simulation.faults import KINDS
from anyseg_core.types import MODALITIES

PATIENCE_S = 60.0
CASES = [nominal_case(MODALITIES), *subset_cases(MODALITIES, "R,L")]


@pytest.fixture(scope="module")
def settings(bag, checkpoint):
    config = PipelineConfig(input_width=64, input_height=64)
    return ReplaySettings(bag=bag, checkpoint=str(checkpoint), backend="torch", config=config)


@pytest.fixture(scope="module")
def expected(settings):
    return {one.case.name: one.masks_sha256 for one in run_job(settings, tuple(CASES)).results}


def merged(found):
    hashes = {}
    indices = []
    for index, job in found:
        indices.append(index)
        for result in job.results:
            assert hashes.setdefault(result.case.name, result.masks_sha256) == result.masks_sha256
    assert sorted(indices) == list(range(len(indices)))
    return hashes


@contextmanager
def dask_workers(cluster, count):
    """Workers of a cluster, which nobody starts again."""
    command = [
        sys.executable, "-m", "distributed.cli.dask_worker", cluster.scheduler_address,
        "--nthreads", "1", "--no-nanny", "--no-dashboard",
    ]  # fmt: skip
    workers = [subprocess.Popen(command, stderr=subprocess.DEVNULL) for _ in range(count)]
    try:
        end = time.monotonic() + PATIENCE_S
        while len(cluster.scheduler.workers) < count:
            assert time.monotonic() < end
            time.sleep(0.05)
        yield workers
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


def test_every_job_starts_with_the_nominal_case_and_every_case_is_in_one_job():
    cases = [nominal_case(MODALITIES), *library_cases(MODALITIES, "delivered", 10**10)]
    jobs = plan_jobs(cases, 2)
    assert all(job[0].name == NOMINAL for job in jobs)
    names = [case.name for job in jobs for case in job[1:]]
    assert sorted(names) == sorted(case.name for case in cases[1:])
    assert len(names) == sum(len(sensors) for sensors in KINDS.values())


def test_cases_with_the_same_faults_are_in_one_job_and_the_jobs_are_alike():
    within = [case.sensors for case in subset_cases(MODALITIES, "all")]
    faulty = library_cases(MODALITIES, "delivered", 10**10, within)
    jobs = plan_jobs([nominal_case(MODALITIES), *faulty], 2)
    owners = {}
    for index, job in enumerate(jobs):
        assert len(job) <= CASES_PER_JOB
        for case in job[1:]:
            assert owners.setdefault(case.faults, index) == index
    sizes = [len(job) for job in jobs]
    assert len(jobs) % 2 == 0
    assert max(sizes) - min(sizes) <= 8


def test_every_fault_is_tried_in_every_set_that_holds_its_sensor():
    within = [case.sensors for case in subset_cases(MODALITIES, "all")]
    cases = library_cases(MODALITIES, "delivered", 10**10, within)
    tried = {(case.faults[0].sensor, case.faults[0].kind, case.sensors) for case in cases}
    sets = [*within, MODALITIES]
    assert tried == {
        (sensor, kind, subset)
        for kind, sensors in KINDS.items()
        for sensor in sensors
        for subset in sets
        if sensor in subset
    }
    assert len({case.name for case in cases}) == len(cases) == 8 * sum(map(len, KINDS.values()))


def test_two_workers_give_what_one_gives(settings, expected):
    jobs = plan_jobs(CASES, 2)
    assert len(jobs) == 2
    assert merged(run_campaign(settings, jobs, lambda: local_processes(2))) == expected


def test_a_killed_workers_cases_run_again_and_count_once(settings, expected):
    killed = []

    @contextmanager
    def one_dies():
        with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:

            def kill():
                # a pool that breaks while it still starts workers never ends (CPython)
                while len(executor._processes) < 2:
                    time.sleep(0.01)
                victim = next(iter(executor._processes))
                os.kill(victim, signal.SIGKILL)
                killed.append(victim)

            if not killed:
                threading.Thread(target=kill).start()
            yield executor

    found = run_campaign(settings, plan_jobs(CASES, 2), one_dies)
    assert merged(found) == expected
    assert len(killed) == 1


def test_workers_that_always_die_end_in_one_sentence(settings):
    @contextmanager
    def broken():
        with ProcessPoolExecutor(
            1, mp_context=get_context("spawn"), initializer=os._exit, initargs=(1,)
        ) as executor:
            yield executor

    with pytest.raises(ConfigurationError, match="died 3 times"):
        list(run_campaign(settings, plan_jobs(CASES[:1], 1), broken))


@pytest.mark.parametrize(
    "subsets", ["X", "", "RR,", "R L"], ids=["unknown", "empty", "trailing", "blank"]
)
def test_subsets_that_do_not_exist_are_refused(subsets):
    with pytest.raises(ConfigurationError, match="subset"):
        subset_cases(MODALITIES, subsets)


def test_all_subsets_of_four_are_fourteen_beside_the_full_one():
    cases = subset_cases(MODALITIES, "all")
    assert len({case.sensors for case in cases}) == len(cases) == 14


def test_a_dask_cluster_gives_the_same_also_when_a_worker_is_killed(settings, expected):
    distributed = pytest.importorskip("distributed", reason="the extra cluster is not installed")
    with (
        distributed.LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address=None) as cluster,
        dask_workers(cluster, 2) as workers,
    ):
        found = run_campaign(
            settings, plan_jobs(CASES, 2), lambda: dask_cluster(cluster.scheduler_address)
        )
        threading.Timer(1.0, workers[0].kill).start()
        assert merged(found) == expected
        assert workers[0].wait() == -signal.SIGKILL


def test_a_cluster_that_does_not_answer_is_one_sentence(monkeypatch):
    pytest.importorskip("distributed", reason="the extra cluster is not installed")
    monkeypatch.setattr(campaign, "CONNECT_S", 0.5)
    with (
        pytest.raises(ConfigurationError, match="--cluster tcp"),
        dask_cluster("tcp://127.0.0.1:1"),
    ):
        pass
