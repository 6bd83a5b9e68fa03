"""Training batches, read and augmented in worker processes, from any place of the run on."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import resource_tracker
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from anyseg_core.data import Augmentation, normalised
from anyseg_core.data.file_dataset import FileDataset
from anyseg_core.train.sampling import Stream, draw_subset, generator, positions, sample_index

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from torch import Tensor

    from anyseg_core.data import Sample, SegmentationDataset
    from anyseg_core.train.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Batch:
    """What one forward pass on one device sees.

    Attributes:
        names: of the B samples.
        inputs: for each modality drawn, normalised float32 B x 3 x H x W.
        labels: uint8 B x H x W.
    """

    names: tuple[str, ...]
    inputs: dict[str, Tensor]
    labels: Tensor

    def to(self, device: torch.device) -> Batch:
        """Return the batch on a device."""
        inputs = {name: x.to(device, non_blocking=True) for name, x in self.inputs.items()}
        return Batch(self.names, inputs, self.labels.to(device, non_blocking=True))

    def pin_memory(self) -> Batch:
        """Return the batch in memory that a GPU reads directly; DataLoader calls this."""
        inputs = {name: x.pin_memory() for name, x in self.inputs.items()}
        return Batch(self.names, inputs, self.labels.pin_memory())


# How long a worker outlives the order to end, so that the trainer can finish its update.
_GRACE_S = 120

# What ends a run, sent to each of its processes.
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class Place:
    """Which part of the global order one device takes.

    Attributes:
        rank: which of the ``world`` devices.
        world: number of devices.
    """

    rank: int = 0
    world: int = 1


class BatchSource(Dataset[Batch]):
    """Makes the batch of any forward pass of a run, from its number alone.

    Args:
        dataset: the training split.
        recipe: batch, augmentation, subsets and seed.
        place: which part of the order this device takes.
    """

    def __init__(self, dataset: SegmentationDataset, recipe: Recipe, place: Place) -> None:
        self._dataset = dataset
        self._recipe = recipe
        self._place = place
        self._augment = Augmentation(recipe.augmentation)

    def __getitem__(self, number: int) -> Batch:
        """Return the batch of forward pass ``number``, counted over all updates of the run."""
        recipe, place = self._recipe, self._place
        update, part = divmod(number, recipe.batch.accumulation)
        where = positions(
            update, part, place.rank, place.world, recipe.batch.size, recipe.batch.accumulation
        )
        names = self._subset(number)
        return stack([self._sample(position, names) for position in where], names)

    def _subset(self, number: int) -> tuple[str, ...]:
        # Devices draw apart, so that one update sees several subsets.
        rng = generator(
            self._recipe.seed, Stream.SUBSET, number * self._place.world + self._place.rank
        )
        return draw_subset(self._recipe.subsets, self._dataset.modalities, rng)

    def _sample(
        self, position: int, names: tuple[str, ...]
    ) -> tuple[Sample, dict[str, np.ndarray]]:
        seed = self._recipe.seed
        dataset = self._dataset
        if isinstance(dataset, FileDataset):  # what is not drawn need not be read
            dataset = replace(dataset, modalities=names)
        sample = dataset[sample_index(seed, position, len(self._dataset))]
        channels = {name: sample.channels[name] for name in names}
        sample = replace(sample, channels=channels)
        augmented = self._augment(sample, generator(seed, Stream.AUGMENTATION, position))
        return augmented, normalised(augmented, self._dataset.normalisation)


def stack(samples: list[tuple[Sample, dict[str, np.ndarray]]], names: tuple[str, ...]) -> Batch:
    """Stack normalised samples of one size."""
    inputs = {
        name: torch.from_numpy(np.stack([channels[name] for _, channels in samples]))
        for name in names
    }
    labels = torch.from_numpy(np.stack([sample.labels for sample, _ in samples]))
    return Batch(tuple(sample.name for sample, _ in samples), inputs, labels)


def iterate(source: BatchSource, numbers: range, workers: int, *, pin: bool) -> Iterator[Batch]:
    """Yield the batches of the forward passes ``numbers``, in order.

    Args:
        source: makes each one.
        numbers: which ones.
        workers: processes; 0 for this one.
        pin: keep batches in memory that a GPU reads directly.
    """
    # spawned: a fork takes along what other threads of this process hold, in whatever state it is
    loader = DataLoader(
        source,
        batch_size=None,
        sampler=numbers,
        num_workers=workers,
        worker_init_fn=_quieten,
        multiprocessing_context="spawn" if workers else None,
        pin_memory=pin,
        prefetch_factor=4 if workers else None,
    )
    with _signals_kept_back():
        return iter(loader)


@contextmanager
def _signals_kept_back() -> Iterator[None]:
    """Start processes in which a signal waits until `_quieten` has said what it shall do.

    A spawned worker takes seconds to get there, and would end of a signal until then.
    """
    resource_tracker.ensure_running()  # it would let the signals through when it is started
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _quieten(_: int) -> None:
    """Keep a worker on one thread, and leave Ctrl-C and termination to the process that trains.

    A service manager, or a batch system, signals every process of the run; the trainer still wants
    batches then, to finish its update before it saves.
    """
    cv2.setNumThreads(0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _end_later)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


def _end_later(number: int, _: FrameType | None) -> None:
    signal.signal(number, signal.SIG_DFL)
    signal.alarm(_GRACE_S)
