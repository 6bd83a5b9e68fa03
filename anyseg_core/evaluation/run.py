"""One pass over a data set, in this process or in several."""

from __future__ import annotations

import signal
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import torch

from anyseg_core.errors import ConfigurationError
from anyseg_core.evaluation.scoring import Plan, SampleScore, Scorer
from anyseg_core.evaluation.tally import Tally
from anyseg_core.processes import local_processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from anyseg_core.evaluation.predictors import Predictor

CHUNK = 4
"""Samples that a worker process takes at a time."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one pass over the data found.

    Attributes:
        tally: the counts.
        samples: each sample's IoU, in the order of the plan.
    """

    tally: Tally
    samples: tuple[SampleScore, ...]


def evaluate(plan: Plan, predictor: Predictor, advance: Callable[[int], None]) -> Outcome:
    """Score every sample of a plan in this process, with one thread.

    Args:
        plan: what to evaluate.
        predictor: the network.
        advance: is told the number of samples done, again and again.

    Raises:
        RecordError: a sample cannot be read.
    """
    tally = Tally(len(plan.classes.classes))
    scorer = Scorer(plan, predictor)
    samples = []
    with _one_thread():
        for index in plan.indices:
            samples.append(scorer.score(index, tally))
            advance(1)
    return Outcome(tally, tuple(samples))


def evaluate_in_processes(
    plan: Plan, load: Callable[[], Predictor], workers: int, advance: Callable[[int], None]
) -> Outcome:
    """Score every sample of a plan in several processes; the outcome is that of ``evaluate``.

    Counts are integers, so the order in which they come in does not matter; and each process
    computes with one thread, so that sums inside the network have the same order as well.

    Args:
        plan: what to evaluate.
        load: loads the network; picklable.
        workers: how many processes.
        advance: is told the number of samples done, again and again.

    Raises:
        RecordError: a sample cannot be read.
        ConfigurationError: a process was ended from outside.
    """
    tally = Tally(len(plan.classes.classes))
    found: dict[int, SampleScore] = {}
    chunks = [plan.indices[i : i + CHUNK] for i in range(0, len(plan.indices), CHUNK)]
    try:
        with local_processes(min(workers, len(chunks)), partial(_start_worker, plan, load)) as pool:
            for done in as_completed([pool.submit(_score_chunk, chunk) for chunk in chunks]):
                part = done.result()
                tally += part.tally
                found.update({sample.index: sample for sample in part.samples})
                advance(len(part.samples))
    except BrokenProcessPool:
        raise ConfigurationError(
            f"one of {workers} processes ended, perhaps for want of memory",
            "processes that run to the end",
            "give fewer --workers",
        ) from None
    return Outcome(tally, tuple(found[index] for index in plan.indices))


class _Worker:
    """What a worker process keeps from chunk to chunk."""

    plan: Plan
    scorer: Scorer


def _start_worker(plan: Plan, load: Callable[[], Predictor]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the parent, which ends its workers
    torch.set_num_threads(1)
    _Worker.plan, _Worker.scorer = plan, Scorer(plan, load())


def _score_chunk(indices: Sequence[int]) -> Outcome:
    tally = Tally(len(_Worker.plan.classes.classes))
    samples = tuple(_Worker.scorer.score(index, tally) for index in indices)
    return Outcome(tally, samples)


@contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
