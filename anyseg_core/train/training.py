"""A whole training run: start or resume, loop, validate, write, stop."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from anyseg_core.data import data_hash
from anyseg_core.errors import ConfigurationError
from anyseg_core.models import save_checkpoint
from anyseg_core.train.batches import BatchSource, iterate
from anyseg_core.train.class_weights import class_weights
from anyseg_core.train.curves import Curves
from anyseg_core.train.engine import Engine, make_deterministic
from anyseg_core.train.network import build_network
from anyseg_core.train.parsing import parse_dataclass
from anyseg_core.train.progress import ProgressDisplay
from anyseg_core.train.recipe import Recipe
from anyseg_core.train.run_folder import RunFolder
from anyseg_core.train.schedule import Schedule
from anyseg_core.train.state import Progress, read_progress, read_tensors, write_state
from anyseg_core.train.stopping import Stopper
from anyseg_core.train.validation import validate

if TYPE_CHECKING:
    from pathlib import Path

    from anyseg_core.data import SegmentationDataset


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What does not change the result of a run.

    Attributes:
        max_minutes: stop cleanly after so long; None for no limit.
        save_seconds: how often the state is written.
        log_every: updates between two lines of the metrics.
        tensorboard: write TensorBoard's files too.
        cpu: train on processors, whatever else there is.
        accept_changes: resume although the recipe changed.
        quiet: show no progress.
    """

    max_minutes: float | None = None
    save_seconds: float = 300.0
    log_every: int = 20
    tensorboard: bool = False
    cpu: bool = False
    accept_changes: bool = False
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended.

    Attributes:
        update: updates made, over all sittings.
        finished: whether those are all.
        best: the best validation score, -1 for none.
        signal: the signal that stopped it, or None.
    """

    update: int
    finished: bool
    best: float
    signal: int | None


def train(
    recipe: Recipe,
    training: SegmentationDataset,
    validation: SegmentationDataset,
    folder: Path,
    options: RunOptions = RunOptions(),  # frozen
) -> Outcome:
    """Train, from the start or from where the folder's run was broken off.

    Args:
        recipe: of the run.
        training: the split to learn from.
        validation: the split to choose the best weights by; of the same classes and modalities.
        folder: of the run.
        options: what does not change the result.

    Raises:
        ConfigurationError: the recipe does not fit the data, or the folder holds another run.
        CheckpointError: the folder's state, or initial weights, cannot be used.
        TrainingError: memory ran out, or the loss is no number.
    """
    run = _Run(recipe, training, validation, RunFolder(folder), options)
    with Stopper(options.max_minutes) as stopper:
        try:
            return run.go(stopper)
        finally:
            run.close()


class _Run:
    """The parts of one sitting of a run."""

    def __init__(
        self,
        recipe: Recipe,
        training: SegmentationDataset,
        validation: SegmentationDataset,
        folder: RunFolder,
        options: RunOptions,
    ) -> None:
        self.recipe, self.options, self.folder = recipe, options, folder
        self.training, self.validation = training, validation
        if recipe.deterministic:
            make_deterministic()
        model = build_network(recipe.model, len(training.classes), training.modalities, recipe.seed)
        power = recipe.loss.class_weight_power
        weights = class_weights(training, power) if power else None
        self.engine = Engine(model, recipe, training, weights, cpu=options.cpu)
        batch = recipe.batch
        self.samples_per_update = batch.size * batch.accumulation * self.engine.place.world
        self.updates_per_epoch = len(training) / self.samples_per_update
        self.schedule = Schedule.of(recipe.schedule, self.updates_per_epoch)
        unit = self.updates_per_epoch if recipe.schedule.epochs is not None else 1.0
        self.interval = max(1, round(recipe.evaluation.every * unit))
        self.progress = self._taken_up()
        self.curves: Curves | None = None
        if options.tensorboard and self.engine.main:
            self.curves = Curves(folder.path / "tensorboard", self.progress.update)

    def _taken_up(self) -> Progress:
        """Return where the folder's run stands, its weights loaded; a new run stands at 0."""
        fresh = Progress(
            recipe=self.recipe.to_json(),
            data_hash=data_hash(self.training),
            world=self.engine.place.world,
        )
        if not self.folder.state.is_file():
            return fresh
        found = read_progress(self.folder.state)
        _check_same(found, fresh, accept=self.options.accept_changes)
        kind = found.recipe.get("optimiser", {}).get("kind", "adamw")
        same = kind == self.recipe.optimiser.kind
        optimiser = self.engine.optimiser if same else None
        read_tensors(self.folder.state, self.engine.model, optimiser)
        self.engine.load_scaler_state(found.scaler)
        found.recipe = fresh.recipe
        return found

    def go(self, stopper: Stopper) -> Outcome:
        """Make updates until all are made, or the run is to stop."""
        engine, progress, total = self.engine, self.progress, self.schedule.updates
        self._write_configuration()
        parts = self.recipe.batch.accumulation
        batches = iterate(
            BatchSource(self.training, self.recipe, engine.place),
            range(progress.update * parts, total * parts),
            self.recipe.data.workers,
            pin=engine.device.type == "cuda",
        )
        shown = engine.main and not self.options.quiet
        with ProgressDisplay(total, progress.update, shown=shown) as display:
            if progress.update:
                display.say(f"resumed at update {progress.update} of {total}")
            saved = begun = time.monotonic()
            while progress.update < total:
                lr = self.recipe.optimiser.lr * self.schedule.factor(progress.update)
                terms = engine.update(progress.update, lr, batches)
                progress.update += 1
                now = time.monotonic()
                progress.train_seconds += now - begun
                begun = now
                loss = sum(terms.values())
                display.step(loss, lr)
                self._log(terms, lr)
                validated = progress.update % self.interval == 0 or progress.update == total
                if validated:
                    self._validate(display)
                    begun = time.monotonic()
                stop = engine.any_asks(asked=stopper.asked)
                if validated or stop or begun - saved >= self.options.save_seconds:
                    self._save()
                    saved = time.monotonic()
                if stop:
                    break
        return Outcome(progress.update, progress.update == total, progress.best, stopper.signal)

    def _validate(self, display: ProgressDisplay) -> None:
        progress, every = self.progress, self.recipe.evaluation.singles_every
        progress.validations += 1
        last = progress.update == self.schedule.updates
        self.engine.share_buffers()
        result = validate(
            self.engine.model,
            self.validation,
            self.recipe.evaluation,
            singles=every > 0 and (last or progress.validations % every == 0),
            place=self.engine.place,
            device=self.engine.device,
            add_up=self.engine.add_up,
        )
        display.pause()
        shown = ", ".join(f"{name} {100 * value:.2f}" for name, value in result.miou.items())
        display.say(f"validation at update {progress.update}: mIoU {shown}")
        better = result.best_by is not None and result.best_by > progress.best
        if better and result.best_by is not None:
            progress.best, progress.best_update = result.best_by, progress.update
        if not self.engine.main:
            return
        self._record({"miou": result.miou, "miou_absent_zero": result.miou_absent_zero})
        scores = {f"val_miou_{name}": value for name, value in result.miou.items()}
        if better:
            self._write_checkpoint(self.folder.best, scores)
        if last:
            self._write_checkpoint(self.folder.last, scores)

    def _write_checkpoint(self, path: Path, scores: dict[str, float]) -> None:
        data = self.training
        save_checkpoint(
            self.engine.model,
            path,
            classes=data.classes,
            input_size=self._input_size(),
            normalisation={name: data.normalisation[name] for name in data.modalities},
            training_data=f"{data.name}, split {data.split}, {len(data)} samples, "
            f"SHA-256 {self.progress.data_hash}",
            recipe={**self.progress.recipe, "updates_made": self.progress.update},
            scores=scores,
            licence=self.recipe.licence,
        )

    def _input_size(self) -> tuple[int, int]:
        """The size, height and width, that the network is scored at: a crop shows a part of it."""
        if self.recipe.evaluation.size is not None:
            return self.recipe.evaluation.size
        height, width = self.validation[0].labels.shape
        return height, width

    def _save(self) -> None:
        self.engine.share_buffers()
        self.progress.scaler = self.engine.scaler_state()
        if self.engine.main:
            write_state(self.folder.state, self.engine.model, self.engine.optimiser, self.progress)
        self.engine.wait()

    def _log(self, terms: dict[str, float], lr: float) -> None:
        if self.engine.main and self.progress.update % self.options.log_every == 0:
            self._record(
                {
                    "loss": sum(terms.values()),
                    **{f"loss_{n}": v for n, v in terms.items()},
                    "lr": lr,
                }
            )

    def _record(self, values: dict[str, Any]) -> None:
        progress = self.progress
        epoch = progress.update / self.updates_per_epoch
        seconds = round(progress.train_seconds, 3)
        if self.curves is not None:
            self.curves.add(values, progress.update)
        self.folder.append_metrics(
            {"update": progress.update, "epoch": round(epoch, 4), "seconds": seconds, **values}
        )

    def _write_configuration(self) -> None:
        if self.engine.main:
            data = {
                "name": self.training.name,
                "samples": len(self.training),
                "sha256": self.progress.data_hash,
                "validation_samples": len(self.validation),
            }
            self.folder.write_configuration(self.progress.recipe, data)
            self.folder.forget_after(self.progress.update)

    def close(self) -> None:
        """Leave the group of devices, and close the files."""
        if self.curves is not None:
            self.curves.close()
        self.engine.close()


def _check_same(found: Progress, fresh: Progress, *, accept: bool) -> None:
    """Refuse to go on with another recipe, other data or another number of devices."""
    differences = [
        f"{path} {old} (now {new})"
        for path, old, new in _differences(_filled(found.recipe), fresh.recipe)
    ]
    if found.data_hash != fresh.data_hash:
        differences.append(f"training data {found.data_hash[:12]} (now {fresh.data_hash[:12]})")
    if found.world != fresh.world:
        differences.append(f"{found.world} devices (now {fresh.world})")
    if differences and not accept:
        raise ConfigurationError(
            f"a run at update {found.update} with {'; '.join(differences)}",
            "the recipe, data and number of devices that the run began with",
            "undo the change, give another output folder, or go on all the same with "
            "--accept-changes",
        )


def _filled(recipe: dict[str, Any]) -> dict[str, Any]:
    """Fill in the defaults of keys that this version knows and an older one did not."""
    try:
        return parse_dataclass(Recipe, recipe).to_json()
    except ConfigurationError:
        return recipe


def _differences(old: Any, new: Any, path: str = "") -> list[tuple[str, str, str]]:  # noqa: ANN401  # JSON
    if isinstance(old, dict) and isinstance(new, dict):
        found = []
        for key in sorted(old.keys() | new.keys()):
            inner = f"{path}.{key}" if path else key
            found += _differences(old.get(key), new.get(key), inner)
        return found
    return [] if old == new else [(path, json.dumps(old), json.dumps(new))]
