"""Fewer passes in inference on a CPU: the same results, and the public way wherever it is asked."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from anyseg_core.models import fused_cpu
from anyseg_core.models.encoders import build_encoder


@pytest.fixture
def tokens():
    return torch.randn(2, 30, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def encoder():
    torch.manual_seed(0)
    encoder = build_encoder("mit_b0", drop_path=0.5).eval()
    for parameter in encoder.parameters():  # biases and scales start at 0 and 1: stir them
        parameter.data += 0.02 * torch.randn_like(parameter)
    return encoder


@pytest.fixture
def is_fused(monkeypatch):
    """Ask whether a call runs fused operators."""
    calls = []
    plain = fused_cpu._linear

    def seen(*arguments):
        calls.append(arguments)
        return plain(*arguments)

    monkeypatch.setattr(fused_cpu, "_linear", seen)

    def ask(module, given):
        calls.clear()
        module(given)
        return bool(calls)

    return ask


needs_onednn = pytest.mark.skipif(
    not torch.backends.mkldnn.is_available(), reason="this PyTorch is built without oneDNN"
)


@pytest.mark.parametrize("bias", [True, False])
def test_layers_give_what_they_give_when_called(tokens, bias):
    layer = nn.Linear(8, 12, bias=bias)
    depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=bias)
    feature_map = tokens.transpose(1, 2).unflatten(2, (5, 6))
    with torch.no_grad():
        wanted = functional.gelu(depthwise(feature_map)).flatten(2).transpose(1, 2)
        activated = fused_cpu.convolution_gelu(depthwise, tokens, (5, 6))
        torch.testing.assert_close(activated, wanted, rtol=1e-5, atol=1e-5)
        found = fused_cpu.linear(layer, tokens)
        torch.testing.assert_close(found, layer(tokens), rtol=1e-5, atol=1e-5)


def test_a_matrix_and_an_offset_are_applied(tokens):
    weight, offset = torch.randn(12, 8), torch.randn(12)
    with torch.no_grad():
        found = fused_cpu.affine(tokens, weight, offset)
    torch.testing.assert_close(found, tokens @ weight.T + offset, rtol=1e-5, atol=1e-5)


@needs_onednn
@pytest.mark.parametrize("size", [(64, 96), (53, 75)])
@pytest.mark.parametrize("guard", [torch.no_grad, torch.inference_mode])
def test_the_encoder_gives_the_same_fused_and_plain_and_leaves_its_input(
    encoder, size, guard, is_fused
):
    images = torch.randn(2, 3, *size)
    before = images.clone()
    with torch.enable_grad():
        plain = encoder(images)
    with guard():
        assert is_fused(encoder, images)
        for found, wanted in zip(encoder(images), plain, strict=True):
            torch.testing.assert_close(found, wanted.detach(), rtol=1e-4, atol=1e-5)
    assert torch.equal(images, before)


@needs_onednn
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:TF32")  # torch's, of tracing
def test_the_public_operators_run_wherever_somebody_looks_at_them(encoder, is_fused):
    encoder = encoder.stages[3]  # quick to trace
    images = torch.randn(1, 160, 4, 4)
    assert not is_fused(encoder, images)  # gradients
    with torch.no_grad():
        assert is_fused(encoder, images)
        with torch.autocast("cpu", torch.bfloat16):
            assert not is_fused(encoder, images)
        with torch.backends.mkldnn.flags(enabled=False):
            assert not is_fused(encoder, images)
        with FlopCounterMode(display=False) as counter:
            assert not is_fused(encoder, images)
        assert counter.get_total_flops() > 1e6
        assert not is_fused(copy.deepcopy(encoder).double(), images.double())
        traced = torch.jit.trace(encoder, images, check_trace=False)
        assert "mkldnn::" not in str(traced.inlined_graph)
        assert "aten::linear" in str(traced.inlined_graph)
        exported = torch.export.export(encoder, (images,)).graph
    called = {str(node.target) for node in exported.nodes if node.op == "call_function"}
    assert {"aten.linear.default", "aten.gelu.default", "aten.add.Tensor"} <= called
    assert not any("mkldnn" in name for name in called)


@needs_onednn
def test_a_layer_with_a_hook_or_of_another_class_is_called(tokens):
    class Doubled(nn.Linear):
        def forward(self, given):
            return 2 * super().forward(given)

    doubled, hooked = Doubled(8, 4), nn.Linear(8, 4)
    hooked.register_forward_hook(lambda _, __, out: 2 * out)
    with torch.no_grad():
        for layer in (doubled, hooked):
            wanted = 2 * functional.linear(tokens, layer.weight, layer.bias)
            torch.testing.assert_close(fused_cpu.linear(layer, tokens), wanted)


def test_new_weights_count_at_once_and_nothing_is_kept_beside_them(encoder):
    images = torch.randn(1, 3, 32, 32)
    names = set(encoder.state_dict())
    other = pickle.loads(pickle.dumps(encoder))  # noqa: S301  # its own bytes
    with torch.no_grad():
        before = encoder(images)[3]
        for parameter in encoder.parameters():
            parameter.mul_(1.1)
        changed = encoder(images)[3]
        assert not torch.allclose(before, changed)
        other.load_state_dict(encoder.state_dict())
        assert torch.equal(other(images)[3], changed)
        assert torch.equal(copy.deepcopy(encoder)(images)[3], changed)
    assert set(encoder.state_dict()) == names


def test_training_without_gradients_still_drops_paths(encoder):
    images = torch.randn(8, 3, 32, 32)
    encoder.train()
    with torch.no_grad():
        assert not torch.equal(encoder(images)[3], encoder(images)[3])


def test_a_sum_takes_its_first_term_over_in_inference_alone(tokens):
    total = tokens.clone()
    with torch.no_grad():
        assert fused_cpu.add(total, tokens) is total
    assert torch.equal(total, 2 * tokens)
    assert fused_cpu.add(total, tokens) is not total
    assert torch.equal(total, 2 * tokens)
