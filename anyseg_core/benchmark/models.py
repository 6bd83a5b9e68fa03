"""The networks' forward time for every subset, and what their fusion adds to the encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch

from anyseg_core.benchmark.measure import Case, Peer
from anyseg_core.models import build_model
from anyseg_core.models.charm import Charm, CharmScale
from anyseg_core.models.fusion import Fused, fuse_each, fuse_modalities
from anyseg_core.runtime.graph_source import subsets_to_warm
from anyseg_core.types import MODALITIES, MODALITY_LETTERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from torch import Tensor

    from anyseg_core.models import SegmentationModel
    from anyseg_core.models.mutual_perception import MutualPerceptionBlock

SIDES = (256, 512, 1024)
ENCODER = "mit_b2"
CLASSES = 25
CMNEXT = "CMNeXt's form"
ENCODER_ALONE = "encoder alone"
MFF, MPU = "MFF", "MPU"

# CMNeXt's time over ours that is asked for, by the number of modalities present.
LEAST_RATIOS = {1: 1 / 0.27, 2: 1 / 0.5, 4: 1.0}
# The encoder's time over a fusion's: at most 8 % and 60 % of it.
LEAST_MFF_RATIO, LEAST_MPU_RATIO = 1 / 0.08, 1 / 0.6


def models_cases(scale: float) -> Iterator[Case]:
    """Give each case in turn, ready to run: on the CPU, then on a GPU where there is one.

    Whole networks, head and upsampling included, for all 15 subsets at the smallest size and for
    one subset of each number of modalities at the others; then MFF and MPU alone. CMNeXt's form
    always computes four streams, of zeros where a modality is missing.

    Args:
        scale: 1 for images of 256, 512 and 1024 pixels a side, less for a quick look.
    """
    devices = ["cpu"] + (["cuda"] if torch.cuda.is_available() else [])
    for device in devices:
        yield from _Networks(device).cases(scale)


def scaled_sides(scale: float) -> list[int]:
    """Return the sides of the images in pixels: multiples of 32, no two alike."""
    return [max(int(side * scale**0.5), side // 8) // 32 * 32 for side in SIDES]


class _Networks:
    """The networks under test, with the same seeds, on one device."""

    def __init__(self, device: str) -> None:
        self._device = device
        self.any2seg = self._build("any2seg")
        self.charm = self._build("charm")
        self._others = {
            CMNEXT: self._build("cmnext"),
            f"{CMNEXT}, head folded": self._build("cmnext", folded_head=True),
            "CHARM": self.charm,
            "mean fusion": self._build("mean_fusion"),
        }

    def cases(self, scale: float) -> Iterator[Case]:
        sides = scaled_sides(scale)
        for side in sides:
            for subset in subsets_to_warm(MODALITIES, alike=side != sides[0]):
                yield self._network(side, subset)
        for side in sides:
            for subset in subsets_to_warm(MODALITIES, alike=True):
                yield self._mff(side, len(subset))
                yield self._mpu(side, subset)

    def _build(self, name: str, **options: bool) -> SegmentationModel:
        torch.manual_seed(0)
        model = build_model(name, ENCODER, CLASSES, MODALITIES, **options)
        return model.eval().to(self._device)

    def _name(self, what: str, letters: str, side: int) -> str:
        on = "" if self._device == "cpu" else ", GPU"
        return f"{what}, {letters}, {side} x {side}{on}"

    def _images(self, side: int, subset: tuple[str, ...]) -> dict[str, Tensor]:
        torch.manual_seed(1)
        return {name: torch.randn(1, 3, side, side, device=self._device) for name in subset}

    def _network(self, side: int, subset: tuple[str, ...]) -> Case:
        images = self._images(side, subset)
        peers = tuple(
            Peer(
                name,
                self._work(lambda model=model: model(images)),  # type: ignore[misc]  # bound now
                LEAST_RATIOS.get(len(subset)) if name == CMNEXT else None,
            )
            for name, model in self._others.items()
        )
        letters = "".join(MODALITY_LETTERS[name] for name in subset)
        work = self._work(lambda: self.any2seg(images))
        return Case(self._name("Any2Seg", letters, side), work, 0, peers)

    def _mff(self, side: int, count: int) -> Case:
        model = self.any2seg
        images = torch.cat(list(self._images(side, MODALITIES[:count]).values()))
        with torch.inference_mode():
            maps = model.head.fuse_scales(model.encoder(images)).unsqueeze(1)
        peer = Peer(ENCODER_ALONE, self._encoder(images), LEAST_MFF_RATIO)
        name = self._name(MFF, _letters(count), side)
        return Case(name, self._work(lambda: fuse(maps)), 0, (peer,))

    def _mpu(self, side: int, subset: tuple[str, ...]) -> Case:
        images = torch.cat(list(self._images(side, subset).values()))
        peer = Peer(ENCODER_ALONE, self._encoder(images), LEAST_MPU_RATIO)
        work = self._work(mutual_perception(self.charm, images, subset))
        return Case(self._name(MPU, _letters(len(subset)), side), work, 0, (peer,))

    def _encoder(self, images: Tensor) -> Callable[[], None]:
        """One modality after the other, as the networks themselves run it."""
        return self._work(lambda: [self.any2seg.encoder(image) for image in torch.split(images, 1)])

    def _work(self, run: Callable[[], object]) -> Callable[[], None]:
        def work() -> None:
            with torch.inference_mode():
                run()
                if self._device == "cuda":
                    torch.cuda.synchronize()

        return work


def fuse(maps: Tensor) -> Fused:
    """Run MFF on maps M x B x C x h x w in the form that Any2Seg runs there in inference."""
    if maps.device.type == "cuda":
        return fuse_modalities(maps)
    return fuse_each(maps.unbind(0), iterations=1, reweight=True, selection=True, residual=True)


def mutual_perception(
    model: SegmentationModel, images: Tensor, names: tuple[str, ...]
) -> Callable[[], object]:
    """Return a run of CHARM's MPU blocks at all four scales, on features of these images.

    Args:
        model: CHARM.
        images: M x 3 x H x W, in the order of ``names``.
        names: the M modalities present.
    """
    assert isinstance(model, Charm)
    with torch.inference_mode():
        projected = []
        for part, maps in zip(model.scales, model.encoder(images), strict=True):
            assert isinstance(part, CharmScale)
            features = zip(names, torch.split(maps, 1), strict=True)
            projected.append((part, [part.read(name, feature)[:2] for name, feature in features]))

    def run() -> list[Tensor]:
        return [_perceive(part, names, read) for part, read in projected]

    return run


def _perceive(part: CharmScale, names: tuple[str, ...], read: list[tuple[Tensor, ...]]) -> Tensor:
    """Run a scale's MPU blocks on semantic maps and raw scores; keys and values are made here."""
    blocks = cast("Iterable[MutualPerceptionBlock]", part.blocks)
    contexts = [
        [torch.stack(each) for each in zip(*pairs, strict=True)]
        for pairs in (
            [block.context(name, rows) for name, (rows, _) in zip(names, read, strict=True)]
            for block in blocks
        )
    ]
    semantics, raw = (torch.stack(each) for each in zip(*read, strict=True))
    return part.collaborate((semantics, raw, *(e for pair in contexts for e in pair)), None)[0]


def _letters(count: int) -> str:
    return "".join(MODALITY_LETTERS[name] for name in MODALITIES[:count])
