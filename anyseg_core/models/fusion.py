"""Modality-agnostic feature fusion (MFF), Any2Seg section 3.3. It has no parameters.

Three forms give the same: ``fuse_modalities`` as the paper writes it, to train and to carry a
state; ``fusion_coefficients`` for inference in graphs, which never makes a fused map; and
``fuse_each``, which makes one from such coefficients.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypedDict, Unpack

import torch
from torch import Tensor
from torch.nn import functional

from anyseg_core.errors import ConfigurationError
from anyseg_core.models.encoders.layers import map_from_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

_EPS = 1e-8
_PIXELS_AT_ONCE = 1024  # of which the features of four modalities fit in a core's cache


class Switches(TypedDict):
    """The switches of ``fuse_modalities``."""

    iterations: int
    reweight: bool
    selection: bool
    residual: bool


class Fused(NamedTuple):
    """A fused map and what each modality counted.

    Attributes:
        map: f_ma, B x C x h x w.
        weights: [M, B], the cosine of each modality's map with the state, -1..1; single precision
            also for half-precision maps.
    """

    map: Tensor
    weights: Tensor


def fuse_modalities(
    features: Tensor,
    carried: Tensor | None = None,
    *,
    iterations: int = 1,
    reweight: bool = True,
    selection: bool = True,
    residual: bool = True,
) -> Fused:
    """Fuse M modality maps to one.

    The state f_ma starts as the mean of the maps. In each iteration, re-weighting multiplies each
    map by its cosine with the state and averages them to f_mb; selection takes at each pixel the
    map nearest to f_mb, giving f_ms; the residual adds the two to the new state.

    Readings where the paper is silent: the cosine of re-weighting is one scalar per modality and
    sample, over flattened maps; that of selection is per pixel, over channels. The switches follow
    Table 6: selection without the residual returns f_ms; the residual without selection adds f_mb
    to the old state; without re-weighting f_mb is the mean.

    Args:
        features: M x B x C x h x w.
        carried: B x C x h x w, f_ma of the last frame of a video; the state then starts half-way
            between it and the mean. No gradient flows back through it.
        iterations: how often the state is renewed, at least 1.
        reweight: weigh the maps by their cosines.
        selection: select the nearest map at each pixel.
        residual: add what was balanced and what was selected.

    Raises:
        ConfigurationError: ``carried`` has another shape than one map.
    """
    size = (features.shape[3], features.shape[4])
    maps = features.flatten(3).transpose(2, 3)  # M x B x P x C: channels last, pixels in a row
    state = maps.mean(0)
    if carried is not None:
        _check_carried(carried, features)
        state = (state + carried.detach().flatten(2).transpose(1, 2)) / 2
    wide = torch.promote_types(maps.dtype, torch.float32)
    norms = torch.linalg.vector_norm(maps, dim=3, dtype=wide)
    weights = torch.ones(maps.shape[:2], device=maps.device)
    for _ in range(iterations):
        weights = _map_cosines(maps, norms, state)
        balanced = _weighted_mean(maps, weights) if reweight else maps.mean(0)
        if selection:
            selected = _select(maps, norms, balanced)
            state = balanced + selected if residual else selected
        else:
            state = balanced + state if residual else balanced
    return Fused(map_from_tokens(state, size), weights)


def fusion_coefficients(
    tokens: Tensor,
    *,
    iterations: int = 1,
    reweight: bool = True,
    selection: bool = True,
    residual: bool = True,
) -> tuple[Tensor, Tensor]:
    """Return how often each modality counts at each pixel in what ``fuse_modalities`` gives.

    Every map that the fusion makes is at each pixel a sum of the M modalities' features, each times
    a number. So all lengths and cosines follow from the M x M inner products of these features
    at each pixel, and whatever is linear in the fused map can be summed instead of it.

    Args:
        tokens: M x P x C, the P pixels of one sample.
        iterations: as of ``fuse_modalities``.
        reweight: as of ``fuse_modalities``.
        selection: as of ``fuse_modalities``.
        residual: as of ``fuse_modalities``.

    Returns:
        Coefficients P x M, and the weights [M] that ``fuse_modalities`` gives; in single precision
        also for half-precision tokens.
    """
    wide = tokens.to(torch.promote_types(tokens.dtype, torch.float32))
    at_pixels = wide.transpose(0, 1)
    products = torch.einsum("pmc,pnc->pmn", at_pixels, at_pixels)
    return coefficients_of_products(
        products,
        iterations=iterations,
        reweight=reweight,
        selection=selection,
        residual=residual,
    )


def fuse_each(maps: Sequence[Tensor], **switches: Unpack[Switches]) -> Fused:
    """Return what ``fuse_modalities`` gives of M maps B x C x h x w, with fewer passes over them.

    Each map is read twice, wherever it lies: once for its inner products with the others, and once
    to be summed (see ``fusion_coefficients``).

    Args:
        maps: of each modality, channels last in memory.
        switches: those of ``fuse_modalities``.
    """
    size = (maps[0].shape[2], maps[0].shape[3])
    tokens = [each.flatten(2).transpose(1, 2) for each in maps]
    states, weights = [], []
    for sample in zip(*tokens, strict=True):
        coefficients, shares = coefficients_of_products(inner_products(sample), **switches)
        states.append(weighted_sum(sample, coefficients))
        weights.append(shares)
    state = states[0].unsqueeze(0) if len(states) == 1 else torch.stack(states)
    return Fused(map_from_tokens(state, size), torch.stack(weights, 1))


def inner_products(tokens: Sequence[Tensor]) -> Tensor:
    """Return the inner products P x M x M at each pixel of M modalities' features P x C."""
    if len(tokens) == 1:
        squares: Tensor = torch.linalg.vecdot(tokens[0], tokens[0])
        return squares.view(-1, 1, 1)
    blocks = []
    for parts in zip(*(torch.split(each, _PIXELS_AT_ONCE) for each in tokens), strict=True):
        at_pixels = torch.stack(parts, 1)
        blocks.append(at_pixels @ at_pixels.mT)
    return torch.cat(blocks)


def weighted_sum(tokens: Sequence[Tensor], coefficients: Tensor) -> Tensor:
    """Sum M tokens P x C, each times its coefficient P x M at each pixel: P x C."""
    first, *others = tokens
    total = first * coefficients[:, :1]
    for i, each in enumerate(others, 1):
        total.addcmul_(each, coefficients[:, i : i + 1])
    return total


def coefficients_of_products(
    products: Tensor, *, iterations: int, reweight: bool, selection: bool, residual: bool
) -> tuple[Tensor, Tensor]:
    """Return what ``fusion_coefficients`` gives, of the inner products P x M x M of M features."""
    count = products.shape[1]
    places = torch.arange(count, device=products.device)
    squares = (products * (places[:, None] == places).to(products.dtype)).sum(2)
    lengths, pixel_lengths = squares.sum(0).sqrt(), squares.sqrt().clamp(min=_EPS)
    even = torch.ones_like(squares) / count
    coefficients, weights = even, even[0]
    for _ in range(iterations):
        dots = (products * coefficients.unsqueeze(1)).sum(2)  # P x M: each map with the state
        state_length = (dots * coefficients).sum().clamp(min=0).sqrt()
        weights = dots.sum(0) / (lengths * state_length).clamp(min=_EPS)
        balanced = weights * even if reweight else even
        if selection:
            near = (products * balanced.unsqueeze(1)).sum(2) / pixel_lengths
            selected = _first_greatest(near, places)
            coefficients = balanced + selected if residual else selected
        else:
            coefficients = balanced + coefficients if residual else balanced
    return coefficients, weights


def _first_greatest(values: Tensor, places: Tensor) -> Tensor:
    """One-hot P x M at the first of the greatest of P x M values; an arg max is slow in graphs."""
    falling = (places.shape[0] - places).to(values.dtype)
    rank = (values >= values.amax(1, keepdim=True)).to(values.dtype) * falling
    return (rank >= rank.amax(1, keepdim=True)).to(values.dtype)


def _map_cosines(maps: Tensor, norms: Tensor, state: Tensor) -> Tensor:
    """Cosine of each whole map with the state, float32 [M, B]."""
    dots = torch.einsum("mbpc,bpc->mbp", maps, state).sum(2, dtype=norms.dtype)
    lengths = torch.linalg.vector_norm(norms, dim=2)
    state_lengths = torch.linalg.vector_norm(state, dim=(1, 2), dtype=norms.dtype)
    cosines: Tensor = dots / (lengths * state_lengths).clamp(min=_EPS)
    return cosines


def _weighted_mean(maps: Tensor, weights: Tensor) -> Tensor:
    scaled = (weights / maps.shape[0]).to(maps.dtype)
    return torch.einsum("mbpc,mb->bpc", maps, scaled)


def _select(maps: Tensor, norms: Tensor, balanced: Tensor) -> Tensor:
    """At each pixel, the map whose channels have the greatest cosine with the balanced map's."""
    # The balanced map's own length is the same for all modalities, so it does not change the order.
    dots = torch.einsum("mbpc,bpc->mbp", maps, balanced).to(norms.dtype)
    nearest = (dots / norms.clamp(min=_EPS)).argmax(0)
    chosen = functional.one_hot(nearest, maps.shape[0]).to(maps.dtype)
    return torch.einsum("mbpc,bpm->bpc", maps, chosen)


def _check_carried(carried: Tensor, features: Tensor) -> None:
    if carried.shape != features.shape[1:]:
        raise ConfigurationError(
            f"a carried state of shape {tuple(carried.shape)}",
            f"shape {tuple(features.shape[1:])}",
            "start without a state when the image size or the batch changes",
        )
