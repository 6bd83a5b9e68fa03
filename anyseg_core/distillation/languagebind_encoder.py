"""LanguageBind, the paper's own teacher, through its authors' package."""

from __future__ import annotations

import importlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from anyseg_core.errors import CheckpointError, MissingDependencyError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from anyseg_core.types import UInt8Array

# The authors' names of the weights behind each tower.
_WEIGHTS = {
    "image": "LanguageBind_Image",
    "depth": "LanguageBind_Depth",
    "thermal": "LanguageBind_Thermal",
}
_TOKENIZER = "LanguageBind/LanguageBind_Image"
_MOST_TOKENS = 77
_DEPTH_RANGE_MM = 10_000  # the depth tower takes millimetres up to 10 m
DEFAULT_TOWERS = {"depth": "depth", "thermal": "thermal"}
"""The towers of modalities that have one of their own; any other is seen as an image."""


class LanguageBindEncoder:
    """LanguageBind: texts and the images of every modality in one space bound by language.

    Source: Zhu et al., "LanguageBind", ICLR 2024; the interface is that of the authors' package
    ``languagebind``. Readings: events and LiDAR, for which it has no tower, are seen as images; a
    depth picture's 0..255 spans the depth tower's 10 m.

    Args:
        cache_dir: where the package keeps its downloaded weights.
        device: where it runs.
        towers: for a modality, ``image``, ``depth`` or ``thermal``.

    Raises:
        MissingDependencyError: the package languagebind is not installed.
        CheckpointError: it cannot load its weights.
    """

    def __init__(
        self,
        cache_dir: Path | str,
        device: str = "cpu",
        towers: Mapping[str, str] = DEFAULT_TOWERS,
    ) -> None:
        package = _import()
        self._device = torch.device(device)
        self._to_device = package.to_device
        self._towers = dict(towers)
        kinds = ["image", *sorted(set(towers.values()) - {"image"})]
        try:
            model = package.LanguageBind(
                clip_type={kind: _WEIGHTS[kind] for kind in kinds}, cache_dir=str(cache_dir)
            )
            self._tokenizer = package.LanguageBindImageTokenizer.from_pretrained(
                _TOKENIZER, cache_dir=str(cache_dir)
            )
        except (OSError, ValueError) as error:
            raise CheckpointError(
                f"{cache_dir} ({error})",
                "a folder with LanguageBind's weights",
                "let the package fetch them into this folder once, where there is a network",
            ) from error
        self._model = model.to(self._device).eval()
        self._transforms = {
            kind: package.transform_dict[kind](model.modality_config[kind]) for kind in kinds
        }
        self.name = "LanguageBind"
        self.version = ", ".join(_WEIGHTS[kind] for kind in kinds)

    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        """Return float32 n x D, each of length 1."""
        tokens = self._tokenizer(
            list(texts),
            max_length=_MOST_TOKENS,
            padding="max_length",
            truncation=True,
            return_tensors="pt",
        )
        return self._embed("language", tokens)

    def embed_image(self, modality: str, image: UInt8Array) -> Tensor:
        """Return float32 [D] of length 1, of an image uint8 H x W x 3."""
        kind = self._towers.get(modality, "image")
        with TemporaryDirectory() as folder:  # its transforms take paths
            path = Path(folder) / "picture.png"
            _picture(kind, image).save(path)
            return self._embed(kind, self._transforms[kind]([str(path)]))[0]

    def _embed(self, kind: str, values: Any) -> Tensor:  # noqa: ANN401 - the package's own type
        with torch.inference_mode():
            embedded = self._model({kind: self._to_device(values, self._device)})[kind]
        return functional.normalize(embedded.float().cpu(), dim=1).clone()


def _picture(kind: str, image: UInt8Array) -> Image.Image:
    if kind != "depth":
        return Image.fromarray(np.ascontiguousarray(image))
    millimetres = image.astype(np.float32).mean(2) * (_DEPTH_RANGE_MM / 255)
    return Image.fromarray(millimetres.astype(np.uint16))


def _import() -> Any:  # noqa: ANN401 - a module that may be absent
    try:
        return importlib.import_module("languagebind")
    except ImportError as error:
        raise MissingDependencyError(
            "no package languagebind",
            "it, to run LanguageBind",
            "clone https://github.com/PKU-YuanGroup/LanguageBind, install its requirements and put "
            "its folder on PYTHONPATH; or use another maker",
        ) from error
