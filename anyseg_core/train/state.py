"""The state of a run that can be taken up again: one safetensors file, replaced in one step.

It holds tensors and a JSON text, never a pickle: a run folder from elsewhere runs no code.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from anyseg_core.errors import CheckpointError, ConfigurationError
from anyseg_core.train.parsing import parse_dataclass

if TYPE_CHECKING:
    from pathlib import Path

FORMAT = 1
_DO = "take an unaltered copy, or begin anew in another folder"


@dataclass(slots=True, kw_only=True)
class Progress:
    """Where a run stands; all else about its place follows from the recipe and its seed.

    Attributes:
        update: updates of the weights that were made.
        best: the best validation score so far, -1 for none.
        best_update: when it was reached.
        validations: how many were made.
        train_seconds: time spent, over all sittings.
        scaler: state of the loss scaling, for fp16.
        recipe: as JSON values.
        data_hash: of the training split.
        world: number of devices.
    """

    update: int = 0
    best: float = -1.0
    best_update: int = 0
    validations: int = 0
    train_seconds: float = 0.0
    scaler: dict[str, float] = field(default_factory=dict)
    recipe: dict[str, Any] = field(default_factory=dict)
    data_hash: str = ""
    world: int = 1


def write_state(
    path: Path, model: torch.nn.Module, optimiser: torch.optim.Optimizer, progress: Progress
) -> None:
    """Write a run's state; whenever the process is killed, ``path`` is whole, old or new."""
    tensors = {f"model/{key}": value for key, value in model.state_dict().items()}
    for index, values in optimiser.state_dict()["state"].items():
        for key, value in values.items():
            tensors[f"optimiser/{index}/{key}"] = torch.as_tensor(value)
    tensors = {key: value.detach().cpu().contiguous() for key, value in tensors.items()}
    text = json.dumps({"format": FORMAT, **asdict(progress)})
    part = path.with_name(path.name + ".part")
    save_file(tensors, part, {"progress": text})
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    part.replace(path)


def read_progress(path: Path) -> Progress:
    """Read where a run stands, without its tensors.

    Raises:
        CheckpointError: the file is damaged or of another kind.
    """
    try:
        with safe_open(path, "pt") as file:
            content = json.loads((file.metadata() or {}).get("progress", "{}"))
    except (OSError, SafetensorError, json.JSONDecodeError) as error:
        raise CheckpointError(f"{path} ({error})", "the state of a run", _DO) from error
    if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
        raise CheckpointError(f"{path} of another format", f"format {FORMAT}", _DO)
    try:
        return parse_dataclass(Progress, content)
    except ConfigurationError as error:
        raise CheckpointError(f"{path}: {error.got}", error.wanted, _DO) from error


def read_tensors(
    path: Path, model: torch.nn.Module, optimiser: torch.optim.Optimizer | None
) -> None:
    """Put a state's weights and moments into a model and its optimiser.

    Args:
        path: of the state.
        model: whose weights are replaced.
        optimiser: whose moments are replaced; None for another kind of optimiser, which begins
            anew.

    Raises:
        CheckpointError: the file is damaged, or does not fit the model.
    """
    try:
        with safe_open(path, "pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  # no mapping
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{path} ({error})", "the state of a run", _DO) from error
    weights = _under("model/", tensors)
    moments: dict[int, dict[str, Tensor]] = {}
    for key, value in _under("optimiser/", tensors).items():
        index, name = key.split("/", 1)
        moments.setdefault(int(index), {})[name] = value
    try:
        model.load_state_dict(weights)
        if optimiser is None:
            return
        content = optimiser.state_dict()
        optimiser.load_state_dict({"state": moments, "param_groups": content["param_groups"]})
    except (RuntimeError, ValueError) as error:
        first = str(error).splitlines()[0]
        raise CheckpointError(
            f"{path} ({first})", "the state of a run of this recipe's network", _DO
        ) from error


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {
        key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)
    }
