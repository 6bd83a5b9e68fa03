"""Files of teacher embeddings: one safetensors file per data set."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from anyseg_core.distillation.embeddings import TeacherEmbeddings
from anyseg_core.errors import CheckpointError, ConfigurationError

if TYPE_CHECKING:
    from torch import Tensor

_FORMAT = 1
_TENSORS = ("class_text", "scene_text", "visual")
_LISTS = ("class_names", "prompts", "modalities", "sample_ids")
_FIELDS = {"format", "teacher", "version", "sha256", *_LISTS}
_DO = "make the teacher's embeddings anew, or take an unaltered copy"


def write_teacher_embeddings(path: Path | str, embeddings: TeacherEmbeddings) -> None:
    """Write embeddings to a safetensors file, in one step.

    The metadata key ``teacher`` holds the names as JSON, with a SHA-256 over names and values.
    """
    path = Path(path)
    names: dict[str, Any] = {key: list(getattr(embeddings, key)) for key in _LISTS}
    names |= {
        "format": _FORMAT,
        "teacher": embeddings.teacher,
        "version": embeddings.version,
    }
    tensors = {key: getattr(embeddings, key).float().contiguous() for key in _TENSORS}
    names["sha256"] = _digest(names, tensors)
    part = path.with_name(path.name + ".part")
    save_file(tensors, part, {"teacher": json.dumps(names)})
    part.replace(path)


def read_teacher_embeddings(path: Path | str) -> TeacherEmbeddings:
    """Read what ``write_teacher_embeddings`` wrote.

    Raises:
        CheckpointError: the file is missing, damaged, altered, or of another kind.
    """
    try:
        with safe_open(path, "pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  # no mapping
            names = json.loads((file.metadata() or {}).get("teacher", "{}"))
    except (OSError, SafetensorError, json.JSONDecodeError) as error:
        raise CheckpointError(
            f"{path} ({error})", "a file of teacher embeddings", "correct the path; " + _DO
        ) from error
    if set(tensors) != set(_TENSORS) or not isinstance(names, dict) or set(names) != _FIELDS:
        raise CheckpointError(
            f"{path} with tensors {sorted(tensors)} and fields {sorted(names)}",
            f"tensors {sorted(_TENSORS)} and fields {sorted(_FIELDS)}",
            _DO,
        )
    if names["format"] != _FORMAT:
        raise CheckpointError(f"{path}: format {names['format']}", f"{_FORMAT}", "update anyseg")
    if names["sha256"] != _digest(names, tensors):
        raise CheckpointError(
            f"{path} with values that differ from its SHA-256", "unaltered values", _DO
        )
    try:
        return TeacherEmbeddings(
            teacher=names["teacher"],
            version=names["version"],
            class_names=tuple(names["class_names"]),
            prompts=tuple(names["prompts"]),
            modalities=tuple(names["modalities"]),
            sample_ids=tuple(names["sample_ids"]),
            **tensors,
        )
    except ConfigurationError as error:
        raise CheckpointError(f"{path}: {error.got}", error.wanted, error.do) from error


def _digest(names: dict[str, Any], tensors: dict[str, Tensor]) -> str:
    kept = {key: value for key, value in names.items() if key != "sha256"}
    digest = hashlib.sha256(json.dumps(kept, sort_keys=True).encode())
    for key in _TENSORS:
        digest.update(tensors[key].numpy().tobytes())
    return digest.hexdigest()
