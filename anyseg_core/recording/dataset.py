"""Renders and writes a data set, several sequences at a time."""

from __future__ import annotations

from concurrent.futures import as_completed
from typing import TYPE_CHECKING

from anyseg_core.processes import local_processes
from anyseg_core.recording.channels import Observer
from anyseg_core.recording.description import describe_in
from anyseg_core.recording.tree import is_complete, write_frame

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from anyseg_core.recording.plan import DatasetPlan, Sequence


def missing_frames(root: Path, plan: DatasetPlan) -> int:
    """Return how many frames of the plan are not there yet."""
    return sum(len(_missing(root, sequence)) for sequence in plan.sequences())


def write_dataset(root: Path, plan: DatasetPlan, workers: int = 1) -> Iterator[int]:
    """Write what is missing of a data set and yield, from time to time, how many frames were done.

    A run that was ended at any moment is continued by the next one. The files are the same bytes
    however often that happened, and with any number of workers.

    Args:
        root: folder of the data set; made where it is not there.
        plan: what to write.
        workers: processes that render at the same time; with 1 it is done in this one.

    Raises:
        ConfigurationError: the folder holds something else, or cannot be written.
        MissingDependencyError: the simulator's ray caster is not installed.
    """
    describe_in(root, plan)
    size = plan.width, plan.height
    todo = [sequence for sequence in plan.sequences() if _missing(root, sequence)]
    if workers == 1 or len(todo) < 2:
        for sequence in todo:
            yield write_sequence(root, sequence, *size)
        return
    with local_processes(min(workers, len(todo))) as pool:
        jobs = [pool.submit(write_sequence, root, sequence, *size) for sequence in todo]
        for job in as_completed(jobs):
            yield job.result()


def write_sequence(root: Path, sequence: Sequence, width: int, height: int) -> int:
    """Write the missing frames of one drive and return how many they were."""
    missing = _missing(root, sequence)
    if missing:
        observer = Observer(sequence, width, height)
        instants = sequence.instants_ns()
        for index in missing:
            write_frame(root, sequence, index, observer.frame(instants[index]))
    return len(missing)


def _missing(root: Path, sequence: Sequence) -> list[int]:
    return [index for index in range(sequence.frames) if not is_complete(root, sequence, index)]
