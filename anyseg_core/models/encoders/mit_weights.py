"""Importers of a user's own MiT weights, in NVIDIA's and in transformers' key layouts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from anyseg_core.errors import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from anyseg_core.models.encoders.pyramid import PyramidEncoder

# Each layout: a pattern for the keys of a stage, one for those of a block, and their new names.
_NVIDIA_LAYERS = {
    "norm1": "norm1",
    "norm2": "norm2",
    "attn.q": "attention.query",
    "attn.kv": "attention.key_value",
    "attn.proj": "attention.project",
    "attn.sr": "attention.reduce",
    "attn.norm": "attention.reduce_norm",
    "mlp.fc1": "mlp.expand",
    "mlp.dwconv.dwconv": "mlp.depthwise",
    "mlp.fc2": "mlp.project",
}
_TRANSFORMERS_LAYERS = {
    "layer_norm_1": "norm1",
    "layer_norm_2": "norm2",
    "attention.self.query": "attention.query",
    "attention.self.key": "attention.key",
    "attention.self.value": "attention.value",
    "attention.output.dense": "attention.project",
    "attention.self.sr": "attention.reduce",
    "attention.self.layer_norm": "attention.reduce_norm",
    "mlp.dense1": "mlp.expand",
    "mlp.dwconv.dwconv": "mlp.depthwise",
    "mlp.dense2": "mlp.project",
}
_STAGE_LAYERS = {"proj": "embed", "norm": "embed_norm", "layer_norm": "embed_norm"}


def import_mit_weights(encoder: PyramidEncoder, weights: Mapping[str, Tensor]) -> None:
    """Copy a user's MiT weights into an encoder of the same size.

    Args:
        encoder: a MiT encoder, written in place.
        weights: a state dictionary with NVIDIA's keys (``block1.0.attn.q.weight``) or those that
            transformers writes to files (``segformer.encoder.block.0.0…``). The classifiers of
            ImageNet (``head.*``, ``classifier.*``) and transformers' segmentation head
            (``decode_head.*``) are left out; any other key that is not an encoder's is refused.

    Raises:
        CheckpointError: a key is unknown or missing, or a shape differs.
    """
    if any(key.startswith("patch_embed") for key in weights):
        renamed = _rename(weights, _nvidia_name, skip=("head.",))
    else:
        renamed = _rename(weights, _transformers_name, skip=("classifier.", "decode_head."))
        _join_key_value(renamed)
    wanted = encoder.state_dict()
    missing = sorted(wanted.keys() - renamed.keys())
    extra = sorted(renamed.keys() - wanted.keys())
    if missing or extra:
        raise CheckpointError(
            f"weights without {missing[:3]} and with extra {extra[:3]} (first three of each)",
            f"the {len(wanted)} tensors of this encoder",
            "choose the encoder of the size that the weights were made for",
        )
    for key, tensor in renamed.items():
        if tensor.shape != wanted[key].shape:
            raise CheckpointError(
                f"{key} of shape {tuple(tensor.shape)}",
                f"shape {tuple(wanted[key].shape)}",
                "choose the encoder of the size that the weights were made for",
            )
    encoder.load_state_dict(renamed)


def load_mit_weights(encoder: PyramidEncoder, path: Path) -> None:
    """Read a safetensors file of MiT weights into an encoder; see ``import_mit_weights``.

    Raises:
        CheckpointError: the file is missing, no safetensors file, or does not fit the encoder.
    """
    try:
        weights = load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"{path} ({error})",
            "a readable safetensors file",
            "convert a .pth file once, where you trust its source: "
            "safetensors.torch.save_file(torch.load(pth, weights_only=True), path)",
        ) from error
    import_mit_weights(encoder, weights)


def _rename(
    weights: Mapping[str, Tensor], name: Callable[[str], str | None], skip: tuple[str, ...]
) -> dict[str, Tensor]:
    renamed: dict[str, Tensor] = {}
    for key, tensor in weights.items():
        if key.startswith(skip):
            continue
        new = name(key)
        if new is None:
            raise CheckpointError(
                f"the key {key!r}",
                "keys of a MiT encoder as NVIDIA or transformers name them",
                "remove what does not belong to the encoder from the file",
            )
        renamed[new] = tensor
    return renamed


def _nvidia_name(key: str) -> str | None:
    if found := re.fullmatch(r"patch_embed([1-4])\.(proj|norm)\.(\w+)", key):
        return f"stages.{int(found[1]) - 1}.{_STAGE_LAYERS[found[2]]}.{found[3]}"
    if found := re.fullmatch(r"norm([1-4])\.(\w+)", key):
        return f"stages.{int(found[1]) - 1}.norm.{found[2]}"
    found = re.fullmatch(r"block([1-4])\.(\d+)\.(.+)\.(\w+)", key)
    if found and (layer := _NVIDIA_LAYERS.get(found[3])):
        return f"stages.{int(found[1]) - 1}.blocks.{found[2]}.{layer}.{found[4]}"
    return None


def _transformers_name(key: str) -> str | None:
    key = key.removeprefix("segformer.").removeprefix("encoder.")
    if found := re.fullmatch(r"patch_embeddings\.([0-3])\.(proj|layer_norm)\.(\w+)", key):
        return f"stages.{found[1]}.{_STAGE_LAYERS[found[2]]}.{found[3]}"
    if found := re.fullmatch(r"layer_norm\.([0-3])\.(\w+)", key):
        return f"stages.{found[1]}.norm.{found[2]}"
    found = re.fullmatch(r"block\.([0-3])\.(\d+)\.(.+)\.(\w+)", key)
    if found and (layer := _TRANSFORMERS_LAYERS.get(found[3])):
        return f"stages.{found[1]}.blocks.{found[2]}.{layer}.{found[4]}"
    return None


def _join_key_value(renamed: dict[str, Tensor]) -> None:
    for key in [name for name in renamed if ".attention.key." in name]:
        partner = key.replace(".key.", ".value.")
        if partner in renamed:
            joined = torch.cat((renamed.pop(key), renamed.pop(partner)))
            renamed[key.replace(".key.", ".key_value.")] = joined
