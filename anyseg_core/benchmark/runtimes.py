"""The networks and runtimes that are measured, each loaded and warmed up once in a process."""

from __future__ import annotations

import shutil
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import nn

from anyseg_core.classes import DELIVER
from anyseg_core.errors import AnysegError, MissingDependencyError
from anyseg_core.models import ModelCard, build_model
from anyseg_core.normalisation import DEFAULT_NORMALISATION
from anyseg_core.runtime.graph_cache import CachedGraphs
from anyseg_core.runtime.load import default_network
from anyseg_core.runtime.onnxruntime_segmenter import OnnxruntimeSegmenter
from anyseg_core.runtime.openvino_segmenter import OpenvinoSegmenter
from anyseg_core.runtime.parity import subset_agreement
from anyseg_core.runtime.probe import Probe, make_probe, street_probe
from anyseg_core.runtime.quantised_graphs import QuantisedGraphs
from anyseg_core.runtime.torch_segmenter import TorchOptions, TorchSegmenter
from anyseg_core.types import MODALITIES

if TYPE_CHECKING:
    from anyseg_core.models import SegmentationModel
    from anyseg_core.runtime import Segmenter
    from anyseg_core.runtime.warming import WarmUp

INT8 = "int8"
SHIPPED = "default"
"""The network of the package's own weights."""

CALIBRATION_SIDE = 256
"""Side in pixels of the images that int8 is calibrated with."""


class Runtime(NamedTuple):
    """One way to compute a network on the CPU.

    Attributes:
        backend: ``torch``, ``torch compiled``, ``onnxruntime`` or ``openvino``.
        precision: ``float32``, ``bfloat16`` or ``int8``.
    """

    backend: str
    precision: str

    def __str__(self) -> str:
        return f"{self.backend} {self.precision}"


EAGER = Runtime("torch", "float32")
"""What all others are held against."""

COMPILED = Runtime("torch compiled", "float32")

OTHERS = (
    COMPILED,
    Runtime("onnxruntime", "float32"),
    Runtime("onnxruntime", INT8),
    Runtime("openvino", "float32"),
    Runtime("openvino", "bfloat16"),
    Runtime("openvino", INT8),
)


class Network(NamedTuple):
    """A network under test.

    Attributes:
        name: as ``build_model`` knows it, or ``SHIPPED``.
        encoder: its encoder; of the package's own network, what rows call it.
    """

    name: str
    encoder: str


@cache
def probe(network: Network, side: int) -> Probe:
    """Return the images that every runtime is given: a street where the network was trained."""
    if network.name == SHIPPED:
        return street_probe(load(network, EAGER).card, side, side)
    return make_probe(MODALITIES, side, side)


def usable(network: Network, runtime: Runtime) -> bool:
    """Return whether the runtime is installed, knows its precision here and runs the network."""
    try:
        load(network, runtime)
    except AnysegError:
        return False
    return True


@cache
def load(network: Network, runtime: Runtime) -> Segmenter:
    """Load a network in a runtime on the CPU.

    Raises:
        MissingDependencyError: a package is not installed.
        ConfigurationError: the CPU lacks the precision, or the runtime the network.
    """
    if runtime == COMPILED and shutil.which("c++") is None:
        raise MissingDependencyError(
            "no C++ compiler", "c++, for torch.compile", "install one, such as g++"
        )
    model, card = _build(network)
    if runtime in {EAGER, COMPILED}:
        options = TorchOptions(compiled=runtime == COMPILED)
        return TorchSegmenter(model, card, device="cpu", trained=False, options=options)
    graphs = CachedGraphs(model, card)
    kind = OpenvinoSegmenter if runtime.backend == "openvino" else OnnxruntimeSegmenter
    if runtime.precision != INT8:
        return kind(graphs, device="cpu", precision=runtime.precision)
    size = (CALIBRATION_SIDE, CALIBRATION_SIDE)
    # Mirrored, so that it does not see just what it is judged on.
    seen = {
        name: np.ascontiguousarray(tensor[:, :, ::-1])
        for name, tensor in probe(network, CALIBRATION_SIDE).tensors.items()
    }
    quantised = QuantisedGraphs(graphs, [seen])
    quantised.encoder(size)  # made now: what is missing is to show here
    return kind(quantised, device="cpu")


@cache
def warm_up(network: Network, runtime: Runtime, side: int) -> WarmUp:
    """Warm a runtime up for a size, once, and return what that took."""
    return load(network, runtime).warm_up(side, side)


@cache
def parity(
    network: Network, runtime: Runtime, side: int, subsets: tuple[tuple[str, ...], ...]
) -> dict[tuple[str, ...], float]:
    """Return the share of pixels, 0..1, with eager PyTorch's label, for each subset."""
    eager, other = load(network, EAGER), load(network, runtime)
    seen = probe(network, side)
    return {subset: subset_agreement(eager, other, seen, subset) for subset in subsets}


def _build(network: Network) -> tuple[SegmentationModel, ModelCard]:
    """Return the package's own network, or an untrained one with numbers as spread as trained ones.

    Fresh normalisations change nothing, and a runtime would leave them out.
    """
    if network.name == SHIPPED:
        return default_network()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = build_model(network.name, network.encoder, len(DELIVER), MODALITIES)
        for module in model.modules():
            if isinstance(module, nn.LayerNorm):
                nn.init.uniform_(module.weight, 0.5, 1.5)
                nn.init.normal_(module.bias, std=0.1)
        nn.init.normal_(model.head.classifier.weight, std=0.3)
    card = ModelCard(
        spec=model.spec,
        classes=DELIVER,
        input_size=(CALIBRATION_SIDE, CALIBRATION_SIDE),
        normalisation=DEFAULT_NORMALISATION,
        training_data="none: random weights",
        recipe={"seed": 0},
        scores={},
        licence="Apache-2.0",
        sha256="",
    )
    return model.eval(), card
