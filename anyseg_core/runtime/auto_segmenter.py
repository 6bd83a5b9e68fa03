"""The fastest runtime that is installed and gives the reference's answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyseg_core.runtime.parity import SUFFICIENT, subset_agreement
from anyseg_core.runtime.probe import street_probe
from anyseg_core.runtime.warming import WarmUp, least_seconds, measure_warm_up

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    from anyseg_core.models import ModelCard
    from anyseg_core.runtime.probe import Probe
    from anyseg_core.runtime.segmenter import Prediction, Segmenter
    from anyseg_core.types import Float32Array

_TIMED_RUNS = 3


class AutoSegmenter:
    """PyTorch until ``warm_up``, which then takes the fastest runtime that agrees with it.

    Every candidate is warmed up, held against PyTorch and timed on all modalities at the size
    that is warmed up; one that fails in any way is left out, with its reason in ``description``.

    Args:
        reference: the network in PyTorch, itself a candidate.
        candidates: by name, what loads the network in a runtime to try.
        subsets: the modalities on which each is held against the reference.
    """

    def __init__(
        self,
        reference: Segmenter,
        candidates: Mapping[str, Callable[[], Segmenter]],
        subsets: tuple[tuple[str, ...], ...],
    ) -> None:
        self._reference = reference
        self._candidates = candidates
        self._subsets = subsets
        self._chosen = reference
        self._reason = "not yet warmed up"

    @property
    def card(self) -> ModelCard:
        """What the network was trained on."""
        return self._reference.card

    @property
    def trained(self) -> bool:
        """Whether the weights come from training."""
        return self._reference.trained

    @property
    def description(self) -> str:
        """The runtime in use, and why it was chosen."""
        return f"{self._chosen.description} (auto: {self._reason})"

    def segment(
        self,
        tensors: Mapping[str, Float32Array],
        readings: Mapping[str, Hashable] | None = None,
    ) -> Prediction:
        """Segment one instant; see ``Segmenter``."""
        return self._chosen.segment(tensors, readings)

    def warm_up(self, width: int, height: int) -> WarmUp:
        """Choose the runtime for ``width`` x ``height`` and warm it up."""
        return measure_warm_up(lambda: self._choose(width, height))

    def _choose(self, width: int, height: int) -> int:
        probe = street_probe(self.card, width, height)
        runs = self._reference.warm_up(width, height).runs
        self._chosen = self._reference
        shortest = _seconds(self._reference, probe)
        timed, refused = [(shortest, self._reference.description)], []
        for name, load in self._candidates.items():
            try:
                candidate = load()
                runs += candidate.warm_up(width, height).runs
                self._check(candidate, probe)
                seconds = _seconds(candidate, probe)
            except Exception as error:  # noqa: BLE001 - whatever it raises, there is the reference
                refused.append(f"{name} cannot be used: {error or type(error).__name__}")
                continue
            timed.append((seconds, candidate.description))
            if seconds < shortest:
                shortest, self._chosen = seconds, candidate
        self._reason = _reason(sorted(timed), refused)
        return runs

    def _check(self, candidate: Segmenter, probe: Probe) -> None:
        """Hold a candidate against the reference.

        Raises:
            RuntimeError: it disagrees on too many pixels.
        """
        for subset in self._subsets:
            agreement = subset_agreement(self._reference, candidate, probe, subset)
            if agreement < SUFFICIENT:
                raise RuntimeError(
                    f"{candidate.description} agrees with PyTorch on {100 * agreement:.2f} % of "
                    f"pixels only for {', '.join(subset)}, {100 * SUFFICIENT:g} % are wanted"
                )


def _seconds(segmenter: Segmenter, probe: Probe) -> float:
    """Return how long a frame takes whose readings are all new."""
    return least_seconds(
        lambda: segmenter.segment(probe.tensors, {name: object() for name in probe.tensors}),
        _TIMED_RUNS,
    )


def _reason(timed: list[tuple[float, str]], refused: list[str]) -> str:
    times = ", ".join(f"{1e3 * seconds:.1f} ms with {words}" for seconds, words in timed)
    if len(timed) == 1:
        return "; ".join(refused) or "no other runtime is installed"
    return "; ".join([f"the fastest that agrees with PyTorch: {times}", *refused])
