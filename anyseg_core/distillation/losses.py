"""The two losses of LSCD, Any2Seg section 3.2, Eqs. 1 to 6."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from anyseg_core.errors import ConfigurationError
from anyseg_core.types import IGNORE_LABEL

if TYPE_CHECKING:
    from anyseg_core.distillation.embeddings import TeacherBatch
    from anyseg_core.models import SegmentationOutput

_EPS = 1e-8


@dataclass(frozen=True, slots=True)
class LscdOptions:
    """Options of the distillation; where the paper is silent, the defaults are readings.

    Attributes:
        inter_weight: weight of L_cr.
        intra_weight: weight of L_se.
        temperature: divides all cosines before the softmax.
        reverse: KL(student || teacher) instead of KL(teacher || student).
    """

    inter_weight: float = 1.0
    intra_weight: float = 1.0
    temperature: float = 1.0
    reverse: bool = False

    def __post_init__(self) -> None:
        if self.temperature <= 0.0:
            raise ConfigurationError(f"temperature={self.temperature}", "above 0", "raise it")


def lscd_losses(
    output: SegmentationOutput,
    labels: Tensor,
    teacher: TeacherBatch,
    options: LscdOptions = LscdOptions(),  # frozen
) -> dict[str, Tensor]:
    """Return the weighted terms of L_kd (Eq. 6), one scalar each, to be added to the others.

    Args:
        output: of Any2Seg, with its per-modality features and its fused map.
        labels: integers B x H x W, 255 for a pixel without a class.
        teacher: the embeddings for the same B samples.
        options: weights and temperature.

    Returns:
        ``intra``, L_se; and ``inter``, L_cr, where the teacher knows more than class names.

    Raises:
        ConfigurationError: the output holds no fused map, or the teacher lacks a modality.
    """
    if not output.state:
        raise ConfigurationError(
            "an output without a fused map", "that of Any2Seg", "train Any2Seg with this teacher"
        )
    fused = output.state[-1]
    classes = class_features(fused, labels, len(teacher.class_text))
    terms = {"intra": options.intra_weight * intra_modal_loss(*classes, teacher, options)}
    if teacher.visual:
        inter = inter_modal_loss(output.features, fused, teacher, options)
        terms["inter"] = options.inter_weight * inter
    return terms


def inter_modal_loss(
    features: dict[str, Tensor], fused: Tensor, teacher: TeacherBatch, options: LscdOptions
) -> Tensor:
    """L_cr: each modality's cosine with f_ma follows that with the scene's text (Eqs. 1 to 3).

    Cosines are of flattened maps; a softmax over the modalities present makes distributions.

    Args:
        features: f_m, B x C x h x w, by modality.
        fused: f_ma, B x C x h x w.
        teacher: of the same samples.
        options: temperature and direction.

    Raises:
        ConfigurationError: the teacher lacks a modality.
    """
    missing = sorted(set(features) - set(teacher.visual))
    if missing:
        raise ConfigurationError(
            f"a teacher without {', '.join(missing)}",
            f"with {', '.join(features)}",
            "make the teacher's embeddings for all modalities",
        )
    anchor = fused.flatten(1)
    ours = torch.stack([_cosine(x.flatten(1), anchor) for x in features.values()], 1)
    theirs = torch.stack([_cosine(teacher.visual[n], teacher.scene_text) for n in features], 1)
    return _divergence(ours, theirs, options)


def intra_modal_loss(
    means: Tensor, present: Tensor, teacher: TeacherBatch, options: LscdOptions
) -> Tensor:
    """L_se: classes resemble each other as their names do (Eq. 5).

    Each row of the matrix of cosines becomes a distribution by a softmax; rows and columns of
    classes that are not in the batch are left out.

    Args:
        means: e_k, K x C.
        present: bool [K].
        teacher: its class texts.
        options: temperature and direction.
    """
    if not present.any():
        return means.sum() * 0.0
    ours, theirs = means[present], teacher.class_text[present]
    return _divergence(
        _cosine(ours.unsqueeze(1), ours), _cosine(theirs.unsqueeze(1), theirs), options
    )


def class_features(fused: Tensor, labels: Tensor, num_classes: int) -> tuple[Tensor, Tensor]:
    """Masked average pooling of f_ma by the classes of the ground truth (Eq. 4).

    The paper upsamples f_ma to the labels' size and averages there. Upsampling is linear, so the
    same averages come from spreading the labels' masks over the small map by its transpose, which
    never makes the large map.

    Args:
        fused: B x C x h x w.
        labels: integers B x H x W, 0..K-1 or 255.
        num_classes: K.

    Returns:
        The means e_k, float32 K x C, 0 for an absent class; and which classes are present.
    """
    labels = labels.long()
    known = torch.where(labels == IGNORE_LABEL, num_classes, labels)
    masks = functional.one_hot(known, num_classes + 1)[..., :num_classes].permute(0, 3, 1, 2)
    shares = _spread(masks.float(), (fused.shape[2], fused.shape[3]))
    counts = masks.sum((0, 2, 3))
    sums = torch.einsum("bkhw,bchw->kc", shares, fused.float())
    return sums / counts.clamp(min=1).unsqueeze(1), counts > 0


def _spread(masks: Tensor, size: tuple[int, int]) -> Tensor:
    """The transpose of bilinear upsampling from ``size``, applied to masks B x K x H x W."""
    with torch.enable_grad():
        small = torch.zeros(*masks.shape[:2], *size, device=masks.device, requires_grad=True)
        target = (masks.shape[2], masks.shape[3])
        large = functional.interpolate(small, size=target, mode="bilinear", align_corners=False)
        (spread,) = torch.autograd.grad(large, small, masks)
    return spread


def _cosine(first: Tensor, second: Tensor) -> Tensor:
    return functional.cosine_similarity(first.float(), second.float(), dim=-1, eps=_EPS)


def _divergence(ours: Tensor, theirs: Tensor, options: LscdOptions) -> Tensor:
    """Mean over rows of the KL divergence of the softmaxes of two matrices of cosines."""
    student = functional.log_softmax(ours / options.temperature, dim=1)
    target = functional.log_softmax(theirs / options.temperature, dim=1)
    if options.reverse:
        student, target = target, student
    return functional.kl_div(student, target, reduction="batchmean", log_target=True)
