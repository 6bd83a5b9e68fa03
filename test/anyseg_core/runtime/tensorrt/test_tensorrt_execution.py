"""Memory that is bound to contexts of the stand-in of conftest.py."""

import pytest
import torch

from anyseg_core.runtime import tensorrt_execution
from anyseg_core.runtime.tensorrt_engine import Engine, build_plan
from anyseg_core.runtime.tensorrt_execution import Execution
from anyseg_core.runtime.tensorrt_graph import prepare_graph

SHAPES = {"x": (3, 4)}


@pytest.fixture
def engine(fake, doubling):  # noqa: ARG001 - in the place of tensorrt
    graph = prepare_graph(doubling, [SHAPES], half=False)
    plan = build_plan(graph, [SHAPES], workspace_bytes=1, timing_cache=b"")
    return Engine(plan.engine, [SHAPES], torch.device("cpu"))


@pytest.fixture(params=[1, 1 << 40], ids=["aligned", "never aligned"])
def alignment(request, monkeypatch):
    monkeypatch.setattr(tensorrt_execution, "_ALIGNMENT", request.param)


@pytest.mark.usefixtures("alignment")
@pytest.mark.parametrize("capture", [False, True])
def test_given_memory_is_read_and_written_whether_or_not_it_is_aligned(engine, device, capture):
    x, twice = torch.zeros(3, 4), torch.zeros(3, 4)
    execution = Execution(engine, SHAPES, device, {"x": x, "twice": twice})
    if capture:
        execution.capture()
    assert execution.captured == capture
    for step in range(2):
        x[:] = torch.arange(12.0).view(3, 4) + step
        execution.run()
        assert torch.equal(twice, 2 * x)
        assert execution.output("row").tolist() == [3, 3, 3]


def test_what_cannot_be_captured_is_run_piece_by_piece(engine, device):
    device.capturable = False
    x = torch.ones(3, 4)
    execution = Execution(engine, SHAPES, device, {"x": x})
    execution.capture()
    assert not execution.captured
    x[1, 2] = 5
    execution.run()
    assert execution.output("row").tolist() == [0, 2, 0]


@pytest.mark.parametrize(
    "wrong", [torch.zeros(3, 5), torch.zeros(3, 4, dtype=torch.float16)], ids=["shape", "type"]
)
def test_memory_of_another_shape_or_type_is_refused(engine, device, wrong):
    with pytest.raises(RuntimeError, match=r"memory for x is .* TensorRT wants torch.float32"):
        Execution(engine, SHAPES, device, {"x": wrong})


def test_memory_with_gaps_is_copied(engine, device):
    x = torch.arange(12.0).view(4, 3).T
    execution = Execution(engine, SHAPES, device, {"x": x})
    execution.run()
    assert torch.equal(execution.output("twice"), 2 * x)


def test_a_failed_run_is_told_in_tensorrts_words(fake, engine, device):
    execution = Execution(engine, SHAPES, device, {})
    fake.refused.add("run")
    with pytest.raises(RuntimeError, match="refused to run: an illegal memory access"):
        execution.run()
