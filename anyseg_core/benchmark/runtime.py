"""Time per frame of every installed runtime, for one to four modalities."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyseg_core.benchmark.measure import Case, Peer
from anyseg_core.benchmark.runtimes import (
    EAGER,
    INT8,
    OTHERS,
    SHIPPED,
    Network,
    Runtime,
    load,
    probe,
    usable,
    warm_up,
)
from anyseg_core.types import MODALITIES, MODALITY_LETTERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SIDES = (256, 512)
SMALL = Network("any2seg", "mit_b0")
LARGE = Network("any2seg", "mit_b2")
CMNEXT = Network("cmnext", "mit_b2")
DEFAULT = Network(SHIPPED, SHIPPED)
DEFAULT_COUNTS = (1, 2, 4)
EAGER_NAME = f"{EAGER}, eager"
CMNEXT_NAME = f"CMNeXt's form, {EAGER_NAME}"

# What is asked for of all four modalities at the largest size.
LEAST_OVER_EAGER, LEAST_OVER_CMNEXT, LEAST_INT8 = 3.0, 3.0, 1.5
BEST = Runtime("openvino", INT8)
"""Found the fastest on a CPU whose vector units multiply 8-bit integers."""


def runtime_cases(scale: float) -> Iterator[Case]:
    """Give each case in turn, ready to run: whole networks, labels and confidence included.

    Any2Seg on MiT-B0 in each runtime beside eager PyTorch (int8 also beside the same runtime's
    float32), then on MiT-B2 beside CMNeXt's form, then the package's own network.

    Args:
        scale: 1 for images of 256 and 512 pixels a side, less for a quick look.
    """
    sides = scaled_sides(scale)
    others = [runtime for runtime in OTHERS if usable(SMALL, runtime)]
    for side in sides:
        for count in range(1, len(MODALITIES) + 1):
            for runtime in others:
                asked = side == sides[-1] and count == len(MODALITIES)
                yield _beside_eager(SMALL, runtime, side, count, asked=asked)
    for runtime in others:
        if runtime.backend == BEST.backend:
            peer = Peer(
                CMNEXT_NAME,
                segment(CMNEXT, EAGER, sides[-1], MODALITIES),
                LEAST_OVER_CMNEXT if runtime == BEST else None,
            )
            yield _case(LARGE, runtime, sides[-1], len(MODALITIES), (peer,))
    for count in DEFAULT_COUNTS:
        for runtime in others:
            if runtime.backend == BEST.backend:
                yield _beside_eager(DEFAULT, runtime, sides[0], count, asked=False)


def scaled_sides(scale: float) -> list[int]:
    """Return the sides of the images in pixels: multiples of 32, no two alike."""
    return [max(int(side * scale**0.5), side // 8) // 32 * 32 for side in SIDES]


def segment(
    network: Network, runtime: Runtime, side: int, subset: tuple[str, ...]
) -> Callable[[], object]:
    """Return a run on new readings of a subset, warmed up."""
    warm_up(network, runtime, side)
    segmenter = load(network, runtime)
    tensors = {name: probe(network, side).tensors[name] for name in subset}
    return lambda: segmenter.segment(tensors)


def _beside_eager(
    network: Network, runtime: Runtime, side: int, count: int, *, asked: bool
) -> Case:
    subset = MODALITIES[:count]
    least = LEAST_OVER_EAGER if asked and runtime == BEST else None
    peers = [Peer(EAGER_NAME, segment(network, EAGER, side, subset), least)]
    exact = runtime._replace(precision="float32")
    if runtime.precision == INT8:
        least = LEAST_INT8 if asked and runtime == BEST else None
        peers.append(Peer(str(exact), segment(network, exact, side, subset), least))
    return _case(network, runtime, side, count, tuple(peers))


def _case(
    network: Network, runtime: Runtime, side: int, count: int, peers: tuple[Peer, ...]
) -> Case:
    subset = MODALITIES[:count]
    letters = "".join(MODALITY_LETTERS[name] for name in subset)
    name = f"{runtime}, {network.encoder}, {letters}, {side} x {side}"
    return Case(name, segment(network, runtime, side, subset), 0, peers)
