"""What the OpenVINO runtime does to the process that it runs in."""

import subprocess
import sys

import pytest

from anyseg_core.models import load_checkpoint
from anyseg_core.runtime.graph_cache import CachedGraphs
from anyseg_core.runtime.openvino_segmenter import FirstHalf, OpenvinoSegmenter

pytest.importorskip("openvino")

SCRIPT = """
import faulthandler, gc, os, signal, sys
import numpy as np
from anyseg_core.runtime import load_segmenter

faulthandler.enable()  # a stack of its own for signal handlers
image = {"rgb": np.zeros((3, 64, 64), np.float32)}
loaded = []
for _ in range(2):
    loaded.append(load_segmenter(sys.argv[1], "openvino", "cpu"))
    loaded[-1].segment(image)
while loaded:
    loaded.pop(0)
    gc.collect()
signal.signal(signal.SIGUSR1, lambda *_: print("handled"))
os.kill(os.getpid(), signal.SIGUSR1)
"""


def test_signals_are_handled_after_two_networks_that_went_in_the_order_in_which_they_came(
    checkpoint_of,
):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(checkpoint_of("segformer"))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "handled\n"), done.stderr


def test_branches_that_run_at_once_are_free_to_take_different_cores(checkpoint_of, monkeypatch):
    """Each compiled graph pins its lanes by itself: two might choose the same core."""
    compile_graph, pinned = OpenvinoSegmenter.compile, []

    def noting(*args, **options):
        compiled = compile_graph(*args, **options)
        pinned.append(compiled.get_property("ENABLE_CPU_PINNING"))
        return compiled

    graphs = CachedGraphs(*load_checkpoint(checkpoint_of("charm")))
    segmenter = OpenvinoSegmenter(graphs, device="cpu")
    monkeypatch.setattr(OpenvinoSegmenter, "compile", noting)
    FirstHalf(segmenter, graphs, (64, 64), lanes=2)
    assert pinned[1:] == [False, False]  # after the encoder, whose two lanes choose together
