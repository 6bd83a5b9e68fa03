"""Importing a user's MiT weights, in both key layouts."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from anyseg_core.errors import CheckpointError
from anyseg_core.models.encoders import build_encoder, import_mit_weights, load_mit_weights


def nvidia_layout(encoder):
    """The same weights under NVIDIA's keys, written down by hand."""
    weights = {}
    for s, stage in enumerate(encoder.stages, 1):
        layers = {
            f"patch_embed{s}.proj": stage.embed,
            f"patch_embed{s}.norm": stage.embed_norm,
            f"norm{s}": stage.norm,
        }
        for b, block in enumerate(stage.blocks):
            attention, start = block.attention, f"block{s}.{b}"
            layers |= {
                f"{start}.norm1": block.norm1,
                f"{start}.attn.q": attention.query,
                f"{start}.attn.kv": attention.key_value,
                f"{start}.attn.proj": attention.project,
                f"{start}.norm2": block.norm2,
                f"{start}.mlp.fc1": block.mlp.expand,
                f"{start}.mlp.dwconv.dwconv": block.mlp.depthwise,
                f"{start}.mlp.fc2": block.mlp.project,
            }
            if s < 4:
                layers[f"{start}.attn.sr"] = attention.reduce
                layers[f"{start}.attn.norm"] = attention.reduce_norm
        for key, layer in layers.items():
            weights[f"{key}.weight"] = layer.weight.detach().clone()
            weights[f"{key}.bias"] = layer.bias.detach().clone()
    return weights


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    return build_encoder("mit_b0").eval()


@pytest.fixture
def weights():
    torch.manual_seed(1)
    return nvidia_layout(build_encoder("mit_b0"))


def test_nvidias_layout_fills_every_tensor(encoder, weights):
    head = {"head.weight": torch.zeros(1000, 256), "head.bias": torch.zeros(1000)}
    import_mit_weights(encoder, weights | head)
    torch.manual_seed(1)
    wanted = build_encoder("mit_b0").state_dict()
    for key, tensor in encoder.state_dict().items():
        assert torch.equal(tensor, wanted[key]), key


def test_a_safetensors_file_is_read(encoder, weights, tmp_path):
    save_file(weights, tmp_path / "mit_b0.safetensors")
    load_mit_weights(encoder, tmp_path / "mit_b0.safetensors")
    assert torch.equal(encoder.stages[0].embed.weight, weights["patch_embed1.proj.weight"])


def test_a_missing_tensor_is_refused(encoder, weights):
    del weights["block2.0.attn.q.bias"]
    with pytest.raises(
        CheckpointError, match=r"without \['stages.1.blocks.0.attention.query.bias'"
    ):
        import_mit_weights(encoder, weights)


@pytest.mark.parametrize(
    "key", ["block1.0.attn.rel_pos", "block1.0.attn.qkv.weight", "norm5.weight", "extra"]
)
def test_an_unknown_key_is_refused(encoder, weights, key):
    with pytest.raises(CheckpointError, match="remove what does not belong"):
        import_mit_weights(encoder, weights | {key: torch.zeros(1)})


def test_a_transformers_key_alone_is_refused(encoder):
    with pytest.raises(CheckpointError, match="remove what does not belong"):
        import_mit_weights(
            encoder, {"segformer.encoder.block.0.0.attention.self.qkv.weight": torch.zeros(1)}
        )


def test_weights_of_another_size_are_refused(weights):
    with pytest.raises(CheckpointError, match=r"shape .*choose the encoder of the size"):
        import_mit_weights(build_encoder("mit_b1"), weights)
    with pytest.raises(CheckpointError, match=r"without .*choose the encoder of the size"):
        import_mit_weights(build_encoder("mit_b2"), weights)


def test_nothing_is_written_when_the_weights_are_refused(encoder, weights):
    before = encoder.stages[0].embed.weight.clone()
    with pytest.raises(CheckpointError):
        import_mit_weights(encoder, weights | {"norm1.weight": torch.zeros(7)})
    assert torch.equal(encoder.stages[0].embed.weight, before)


def test_a_pickle_is_refused_with_the_way_to_convert_it(encoder, weights, tmp_path):
    torch.save(weights, tmp_path / "mit_b0.pth")
    with pytest.raises(CheckpointError, match=r"convert a \.pth file once"):
        load_mit_weights(encoder, tmp_path / "mit_b0.pth")
    with pytest.raises(CheckpointError, match="readable safetensors file"):
        load_mit_weights(encoder, tmp_path / "absent.safetensors")
