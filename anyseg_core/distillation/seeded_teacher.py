"""A teacher made of seeded random numbers, to try the machinery without a teacher's weights."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import torch

from anyseg_core.distillation.embeddings import TeacherEmbeddings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anyseg_core.types import Float32Array


def seeded_teacher(
    class_names: Sequence[str],
    modalities: Sequence[str],
    sample_ids: Sequence[str],
    *,
    dimension: int = 64,
    seed: int = 0,
) -> TeacherEmbeddings:
    """Make embeddings from a seed and each name alone, so that order does not matter.

    A sample's visual embeddings scatter around its scene's, as a real teacher's would: their
    cosines with it are about 0.7. It teaches nothing; it serves tests and dry runs.

    Args:
        class_names: K names in the order of the labels.
        modalities: M names.
        sample_ids: N names.
        dimension: D.
        seed: of all numbers.
    """

    def vector(*name: str) -> Float32Array:
        text = "\0".join((str(seed), *name))
        digest = hashlib.sha256(text.encode()).digest()
        generator = np.random.default_rng(int.from_bytes(digest[:8], "little"))
        return generator.standard_normal(dimension).astype(np.float32)

    scenes = np.zeros((len(sample_ids), dimension), np.float32)
    visual = np.zeros((len(sample_ids), len(modalities), dimension), np.float32)
    for row, sample in enumerate(sample_ids):
        scenes[row] = vector("scene", sample)
        for column, modality in enumerate(modalities):
            visual[row, column] = scenes[row] + vector("visual", sample, modality)
    classes = [vector("class", name) for name in class_names]
    return TeacherEmbeddings(
        teacher="seeded",
        version=str(seed),
        class_names=tuple(class_names),
        prompts=tuple(class_names),
        modalities=tuple(modalities),
        sample_ids=tuple(sample_ids),
        class_text=torch.from_numpy(np.stack(classes)),
        scene_text=torch.from_numpy(scenes),
        visual=torch.from_numpy(visual),
    )
