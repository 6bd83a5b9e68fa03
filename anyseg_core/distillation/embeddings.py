"""What a multi-modal vision-language teacher says about a data set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from anyseg_core.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

_DO_MAKE = "make the teacher's embeddings anew for this data set"


@dataclass(frozen=True, slots=True)
class TeacherBatch:
    """A teacher's embeddings for one training batch; D is the teacher's own dimension.

    Attributes:
        class_text: E_C, K x D, in the order of the labels.
        scene_text: E_S, B x D.
        visual: E_m, B x D, by modality; empty where the teacher knows class names alone.
    """

    class_text: Tensor
    scene_text: Tensor
    visual: dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class TeacherEmbeddings:
    """A teacher's embeddings for a whole data set, made once and kept in a file.

    Source: Any2Seg section 3.2. A teacher that knows class names alone has N = 0 samples and
    M = 0 modalities; L_se can be trained from it, L_cr cannot.

    Attributes:
        teacher: the teacher's name.
        version: of the teacher's weights.
        class_names: K names, in the order of the labels.
        prompts: K texts, what the text encoder was given for each class.
        modalities: M names.
        sample_ids: N names, as the data set names its samples.
        class_text: float32 K x D.
        scene_text: float32 N x D.
        visual: float32 N x M x D.

    Raises:
        ConfigurationError: names repeat, shapes do not fit together, or an embedding is not finite
            or zero.
    """

    teacher: str
    version: str
    class_names: tuple[str, ...]
    prompts: tuple[str, ...]
    modalities: tuple[str, ...]
    sample_ids: tuple[str, ...]
    class_text: Tensor
    scene_text: Tensor
    visual: Tensor

    def __post_init__(self) -> None:
        for name in ("class_names", "modalities", "sample_ids"):
            values = getattr(self, name)
            if len(set(values)) != len(values):
                raise ConfigurationError(f"{name} with repetitions", "each once", _DO_MAKE)
        samples, dimension = len(self.sample_ids), self.class_text.shape[-1]
        wanted = {
            "class_text": (len(self.class_names), dimension),
            "scene_text": (samples, dimension),
            "visual": (samples, len(self.modalities), dimension),
        }
        for name, shape in wanted.items():
            _check_tensor(name, getattr(self, name), shape)
        if len(self.prompts) != len(self.class_names):
            raise ConfigurationError(
                f"{len(self.prompts)} prompts", f"{len(self.class_names)}, one a class", _DO_MAKE
            )

    def require(
        self,
        class_names: Sequence[str],
        modalities: Sequence[str] = (),
        sample_ids: Sequence[str] = (),
    ) -> None:
        """Refuse to train with a teacher that does not know the data.

        Args:
            class_names: the data set's, in the order of its labels.
            modalities: those that L_cr needs.
            sample_ids: the samples that L_cr needs.

        Raises:
            ConfigurationError: the order of classes differs, or a modality or sample is missing.
        """
        if tuple(class_names) != self.class_names:
            raise ConfigurationError(
                f"a teacher for the classes {', '.join(self.class_names)}",
                f"exactly {', '.join(class_names)}, in this order",
                _DO_MAKE,
            )
        for kind, wanted, known in (
            ("modality", modalities, self.modalities),
            ("sample", sample_ids, self.sample_ids),
        ):
            missing = sorted(set(wanted) - set(known))
            if missing:
                raise ConfigurationError(
                    f"a teacher without the {kind} {missing[0]!r} ({len(missing)} missing)",
                    f"all {len(wanted)} that are trained on",
                    _DO_MAKE,
                )

    def batch(self, sample_ids: Sequence[str], device: str = "cpu") -> TeacherBatch:
        """Return the embeddings of some samples.

        Args:
            sample_ids: B names; any number for a teacher that knows class names alone.
            device: where the losses are computed.

        Raises:
            ConfigurationError: a sample is missing.
        """
        rows: list[int] = []
        if self.modalities:
            self.require(self.class_names, sample_ids=sample_ids)
            places = {name: row for row, name in enumerate(self.sample_ids)}
            rows = [places[name] for name in sample_ids]
        visual = self.visual[rows].to(device)
        return TeacherBatch(
            self.class_text.to(device),
            self.scene_text[rows].to(device),
            dict(zip(self.modalities, visual.unbind(1), strict=True)),
        )


def _check_tensor(name: str, values: Tensor, shape: tuple[int, ...]) -> None:
    if tuple(values.shape) != shape:
        raise ConfigurationError(f"{name} of shape {tuple(values.shape)}", f"{shape}", _DO_MAKE)
    if not values.isfinite().all() or not (values.norm(dim=-1) > 0).all():
        raise ConfigurationError(
            f"{name} with an embedding that is not finite, or zero", "neither", _DO_MAKE
        )
