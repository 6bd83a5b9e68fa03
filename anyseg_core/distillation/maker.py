"""Makes a teacher's embeddings for a data set, whatever the teacher is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from anyseg_core.distillation.embeddings import TeacherEmbeddings
from anyseg_core.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from anyseg_core.types import UInt8Array

PROMPT = "a photo of a {}"
"""The text around a class's name, as CLIP's authors word it."""


class TextEncoder(Protocol):
    """Turns texts into embeddings.

    Attributes:
        name: of the teacher.
        version: of its weights.
    """

    name: str
    version: str

    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        """Return float32 n x D."""


class VisualEncoder(TextEncoder, Protocol):
    """Turns texts and the images of each modality into embeddings of one space."""

    def embed_image(self, modality: str, image: UInt8Array) -> Tensor:
        """Return float32 [D] of an image uint8 H x W x 3."""


@dataclass(frozen=True, slots=True)
class TeacherSample:
    """One sample as a teacher sees it.

    Attributes:
        sample_id: as the data set names it.
        caption: a description of the scene (the paper's come from LLaMA-Adapter).
        images: for each modality, uint8 H x W x 3.
    """

    sample_id: str
    caption: str
    images: Mapping[str, UInt8Array]


def embed_class_names(
    encoder: TextEncoder, class_names: Sequence[str], prompt: str = PROMPT
) -> TeacherEmbeddings:
    """Make a teacher that knows class names alone; it serves L_se.

    Args:
        encoder: of texts.
        class_names: in the order of the labels.
        prompt: with one ``{}`` for the class's name.

    Raises:
        ConfigurationError: the prompt has no place for the name.
    """
    return embed_data_set(encoder, class_names, (), (), prompt)


def embed_data_set(
    encoder: TextEncoder | VisualEncoder,
    class_names: Sequence[str],
    modalities: Sequence[str],
    samples: Iterable[TeacherSample],
    prompt: str = PROMPT,
) -> TeacherEmbeddings:
    """Make a teacher's embeddings of class names, captions and images (Any2Seg section 3.2).

    Args:
        encoder: the teacher; it must embed images where there are modalities.
        class_names: in the order of the labels.
        modalities: those whose images are embedded.
        samples: read once, one after the other.
        prompt: with one ``{}`` for the class's name.

    Raises:
        ConfigurationError: the prompt has no place for the name, or a sample lacks a modality.
    """
    if prompt.count("{}") != 1:
        raise ConfigurationError(f"prompt {prompt!r}", "one {} for the name", "correct the prompt")
    prompts = tuple(prompt.format(name) for name in class_names)
    class_text = encoder.embed_texts(prompts)
    ids, scenes, visual = [], [], []
    for sample in samples:
        missing = sorted(set(modalities) - set(sample.images))
        if missing:
            raise ConfigurationError(
                f"sample {sample.sample_id!r} without {', '.join(missing)}",
                f"images of {', '.join(modalities)}",
                "leave the modality, or the sample, out",
            )
        ids.append(sample.sample_id)
        scenes.append(encoder.embed_texts((sample.caption,))[0])
        visual.append(_embed_images(encoder, modalities, sample))
    dimension = class_text.shape[1]
    empty = torch.zeros(0, len(modalities), dimension)
    return TeacherEmbeddings(
        teacher=encoder.name,
        version=encoder.version,
        class_names=tuple(class_names),
        prompts=prompts,
        modalities=tuple(modalities),
        sample_ids=tuple(ids),
        class_text=class_text,
        scene_text=torch.stack(scenes) if scenes else torch.zeros(0, dimension),
        visual=torch.stack(visual) if visual else empty,
    )


def _embed_images(
    encoder: TextEncoder | VisualEncoder, modalities: Sequence[str], sample: TeacherSample
) -> Tensor:
    if not hasattr(encoder, "embed_image"):
        raise ConfigurationError(
            f"{encoder.name}, which embeds texts alone", "a teacher of images", "use CLIP"
        )
    return torch.stack([encoder.embed_image(name, sample.images[name]) for name in modalities])
