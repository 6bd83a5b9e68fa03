"""One update of the weights, on any number of devices, with accelerate underneath."""

from __future__ import annotations

import contextlib
import importlib
import os
from typing import TYPE_CHECKING, Any

import torch

from anyseg_core.data.file_dataset import FileDataset
from anyseg_core.distillation import LscdOptions, lscd_losses, read_teacher_embeddings
from anyseg_core.errors import ConfigurationError, MissingDependencyError
from anyseg_core.train.batches import Batch, Place
from anyseg_core.train.faults import check_finite, told_out_of_memory
from anyseg_core.train.losses import build_criterion
from anyseg_core.train.optimiser import build_optimiser, set_lr
from anyseg_core.train.sampling import network_seed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from anyseg_core.data import SegmentationDataset
    from anyseg_core.models import SegmentationModel
    from anyseg_core.train.recipe import Recipe


class Engine:
    """Holds the network, its optimiser and the devices, and makes updates.

    accelerate places them on the devices, averages gradients between them, and does the mixed
    precision.

    Args:
        model: the network, in training mode; it is moved to the device.
        recipe: of the run.
        dataset: the training split, which a teacher must know.
        weights: [K], of the classes in the loss; None for equal ones.
        cpu: train on processors, whatever else there is.

    Attributes:
        model: the bare network, on the device.
        optimiser: the bare optimiser.
        place: which of the devices this is.
        device: where this process computes.

    Raises:
        ConfigurationError: the precision does not work on the device, or the teacher does not know
            the data.
        MissingDependencyError: accelerate is not installed.
    """

    def __init__(
        self,
        model: SegmentationModel,
        recipe: Recipe,
        dataset: SegmentationDataset,
        weights: Tensor | None,
        *,
        cpu: bool,
    ) -> None:
        self._accelerator = _accelerator(recipe.precision, cpu=cpu)
        self.device: torch.device = self._accelerator.device
        self.place = Place(self._accelerator.process_index, self._accelerator.num_processes)
        self.model = model
        self.optimiser = build_optimiser(model, recipe.optimiser)
        self._recipe = recipe
        self._criterion = build_criterion(recipe.loss, weights)
        self._teacher = None
        if recipe.distillation is not None:
            self._teacher = read_teacher_embeddings(recipe.distillation.teacher)
            known = self._teacher.modalities
            names = _sample_names(dataset) if known else []
            self._teacher.require(dataset.classes.names, dataset.modalities if known else (), names)
        self._wrapped, self._stepper = self._accelerator.prepare(model, self.optimiser)

    @property
    def main(self) -> bool:
        """Whether this process writes the files."""
        return bool(self._accelerator.is_main_process)

    def update(self, number: int, lr: float, batches: Iterator[Batch]) -> dict[str, float]:
        """Make one update.

        Args:
            number: of the update, from 0.
            lr: the learning rate.
            batches: the next ones belong to this update.

        Returns:
            The loss's terms, averaged over this device's forward passes.

        Raises:
            TrainingError: memory ran out, or the loss is no number.
        """
        set_lr(self.optimiser, lr)
        parts = self._recipe.batch.accumulation
        totals: dict[str, float] = {}
        for part in range(parts):
            batch = next(batches).to(self.device)
            torch.manual_seed(network_seed(self._recipe.seed, number, part, self.place.rank))
            last = part == parts - 1
            wait = contextlib.nullcontext() if last else self._accelerator.no_sync(self._wrapped)
            with told_out_of_memory(number, batch), wait:
                terms = self._losses(batch)
                values = {name: float(term.detach()) for name, term in terms.items()}
                check_finite(values, number, lr, batch)
                self._accelerator.backward(torch.stack(tuple(terms.values())).sum() / parts)
            for name, value in values.items():
                totals[name] = totals.get(name, 0.0) + value / parts
        if self._recipe.optimiser.clip_norm is not None:
            self._accelerator.clip_grad_norm_(
                self._wrapped.parameters(), self._recipe.optimiser.clip_norm
            )
        self._stepper.step()
        self._stepper.zero_grad(set_to_none=True)
        return totals

    def _losses(self, batch: Batch) -> dict[str, Tensor]:
        output = self._wrapped(batch.inputs)
        terms = self.model.losses(output, batch.labels, self._criterion)
        if self._teacher is not None:
            options = self._recipe.distillation
            assert options is not None  # the teacher comes from it
            terms |= lscd_losses(
                output,
                batch.labels,
                self._teacher.batch(batch.names, str(self.device)),
                LscdOptions(
                    inter_weight=options.inter_weight,
                    intra_weight=options.intra_weight,
                    temperature=options.temperature,
                    reverse=options.reverse,
                ),
            )
        return terms

    def share_buffers(self) -> None:
        """Give every device the first one's statistics of batch normalisation."""
        if self.place.world > 1:
            for buffer in self.model.buffers():
                torch.distributed.broadcast(buffer, 0)

    def add_up(self, values: Tensor) -> Tensor:
        """Sum a tensor over all devices."""
        if self.place.world > 1:
            torch.distributed.all_reduce(values)
        return values

    def any_asks(self, *, asked: bool) -> bool:
        """Return whether any device asks for something, the same answer on all."""
        flag = torch.tensor(float(asked), device=self.device)
        return bool(self.add_up(flag) > 0)

    def wait(self) -> None:
        """Wait for the other devices."""
        self._accelerator.wait_for_everyone()

    def scaler_state(self) -> dict[str, float]:
        """Return the state of the loss scaling; empty but for fp16."""
        scaler = self._accelerator.scaler
        return dict(scaler.state_dict()) if scaler is not None else {}

    def load_scaler_state(self, state: dict[str, float]) -> None:
        """Take the loss scaling up again."""
        if state and self._accelerator.scaler is not None:
            self._accelerator.scaler.load_state_dict(state)

    def close(self) -> None:
        """Leave the group of devices."""
        self._accelerator.end_training()


def make_deterministic() -> None:
    """Choose kernels that give the same bits for the same inputs, where there are any."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(mode=True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # a property of the module
    torch.backends.cudnn.benchmark = False


def _accelerator(precision: str, *, cpu: bool) -> Any:  # noqa: ANN401  # accelerate's own class
    try:
        accelerate = importlib.import_module("accelerate")
    except ImportError as error:
        raise MissingDependencyError(
            "no package accelerate", "it, to train", "pip install 'anyseg_ros[train]'"
        ) from error
    # A modality that a step does not see leaves parameters without a gradient.
    handler = accelerate.DistributedDataParallelKwargs(find_unused_parameters=True)
    on_cpu = cpu or not torch.cuda.is_available()
    if precision == "fp16" and on_cpu:
        raise ConfigurationError("precision fp16 on a CPU", "no or bf16", "correct precision")
    return accelerate.Accelerator(mixed_precision=precision, cpu=on_cpu, kwargs_handlers=[handler])


def _sample_names(dataset: SegmentationDataset) -> list[str]:
    if isinstance(dataset, FileDataset):  # it knows them without reading
        return [entry.name for entry in dataset.entries]
    return [dataset[index].name for index in range(len(dataset))]
