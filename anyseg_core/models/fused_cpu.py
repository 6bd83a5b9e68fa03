"""Inference on a CPU with fewer passes over memory than plain PyTorch takes.

A pass over a map of 16 MiB costs as much as a small layer, and more where the system has to clear
its pages first. Two of oneDNN's fused operators spare several: a linear layer that adds its bias
itself, and a convolution that ends in GELU. PyTorch's own compiler emits them; they are not part
of its public interface, so whatever they do not fit takes the public way to the same result.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils._python_dispatch import _get_current_dispatch_mode

from anyseg_core.models.encoders.layers import map_from_tokens, tokens_from_map

_HAS_FUSED = (
    torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]  # torch's own
    and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    and hasattr(torch.ops.mkldnn, "_convolution_pointwise")
)


def infers_on_cpu(tensor: Tensor) -> bool:
    """Whether this is inference in eager PyTorch, on a single-precision tensor of the CPU.

    False wherever somebody looks at the operators themselves: gradients, ``torch.compile``,
    ``torch.export``, the tracer of ONNX and OpenVINO, automatic mixed precision, counters.
    """
    return not (
        torch.compiler.is_compiling()
        or torch.is_grad_enabled()
        or type(tensor) is not Tensor  # a tensor of another kind has operators of its own
        or tensor.dtype != torch.float32
        or tensor.device.type != "cpu"
        or torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]  # torch's own
        or torch.is_autocast_enabled("cpu")
        or _get_current_dispatch_mode() is not None
    )


def linear(layer: nn.Linear, tokens: Tensor) -> Tensor:
    """Apply a linear layer to tokens N x L x C."""
    if not _fits(layer, nn.Linear, tokens):
        whole: Tensor = layer(tokens)
        return whole
    return _linear(tokens, layer.weight, layer.bias)


def affine(tokens: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Apply a matrix K x C, then add K numbers, to tokens N x L x C."""
    if not _fuses(tokens):
        return functional.linear(tokens, weight, bias)
    return _linear(tokens, weight, bias)


def convolution_gelu(layer: nn.Conv2d, tokens: Tensor, size: tuple[int, int]) -> Tensor:
    """Apply a convolution that keeps the size (H, W), then GELU, to tokens N x (H W) x C."""
    feature_map = map_from_tokens(tokens, size)
    if not _fits(layer, nn.Conv2d, tokens):
        return functional.gelu(tokens_from_map(layer(feature_map)))
    out: Tensor = torch.ops.mkldnn._convolution_pointwise(  # noqa: SLF001  # see the module's docstring
        feature_map,
        layer.weight,
        layer.bias,
        layer.padding,
        layer.stride,
        layer.dilation,
        layer.groups,
        "gelu",
        [],
        "none",  # GELU itself, not its approximation by tanh
    )
    return tokens_from_map(out)


def add(total: Tensor, term: Tensor) -> Tensor:
    """Add, into ``total`` itself where this is inference; its values must be the caller's own."""
    return total.add_(term) if infers_on_cpu(total) else total + term


def _linear(tokens: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    out: Tensor = torch.ops.mkldnn._linear_pointwise(  # noqa: SLF001  # see the module's docstring
        tokens, weight, bias, "none", [], ""
    )
    return out


def _fuses(tensor: Tensor) -> bool:
    """Whether the fused operators are there for this tensor."""
    return _HAS_FUSED and infers_on_cpu(tensor) and bool(torch.backends.mkldnn.enabled)


def _fits(layer: nn.Module, kind: type[nn.Module], tensor: Tensor) -> bool:
    """Whether a fused operator may stand for calling the layer: nothing hangs on that call."""
    return (
        _fuses(tensor)
        and type(layer) is kind  # quantised, adapted and re-parametrised layers are of others
        and type(layer.weight) is nn.Parameter
        and layer.weight.dtype == torch.float32
        and not (layer._forward_hooks or layer._forward_pre_hooks)  # noqa: SLF001  # no public way to ask
    )
