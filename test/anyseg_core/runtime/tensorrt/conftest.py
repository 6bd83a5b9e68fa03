"""A stand-in for the package tensorrt, which needs an NVIDIA GPU to do anything.

It has the part of TensorRT 10's and 11's Python surface that anyseg calls, refuses what the
documentation says is refused, and computes by ONNX Runtime on the addresses that it is given. What
it shows is our own control flow: which engine is built and kept when, which memory is bound to
what, and which error is raised. It says nothing about TensorRT itself.
"""

import contextlib
import ctypes
import enum
import pickle
import sys
from functools import cache
from types import ModuleType, SimpleNamespace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import TensorProto, helper

from anyseg_core.runtime import tensorrt_segmenter
from anyseg_core.runtime.tensorrt_device import Gpu


class Severity(enum.IntEnum):
    INTERNAL_ERROR = 0
    ERROR = 1
    WARNING = 2


class DataType(enum.Enum):
    FLOAT = "tensor(float)"
    HALF = "tensor(float16)"
    UINT8 = "tensor(uint8)"
    INT32 = "tensor(int32)"
    INT64 = "tensor(int64)"
    BOOL = "tensor(bool)"


NUMPY = {
    DataType.FLOAT: np.float32,
    DataType.HALF: np.float16,
    DataType.UINT8: np.uint8,
    DataType.INT64: np.int64,
}


class Logger:
    Severity = Severity


class Dims(list):
    pass


class Profile:
    def __init__(self):
        self.shapes = {}

    def set_shape(self, name, least, best, most):
        assert least == best == most
        self.shapes[name] = tuple(best)


class Config:
    def __init__(self, module):
        self.module = module
        self.profiles, self.cleared, self.limits, self.timings = [], [], {}, None

    def set_memory_pool_limit(self, pool, size):
        self.limits[pool] = size

    def clear_flag(self, flag):
        self.cleared.append(flag)

    def add_optimization_profile(self, profile):
        if "profile" in self.module.refused:
            return -1
        self.profiles.append(profile.shapes)
        return len(self.profiles) - 1

    def create_timing_cache(self, content):
        return SimpleNamespace(content=content, serialize=lambda: content + b"+")

    def set_timing_cache(self, cache, ignore_mismatch):
        assert not ignore_mismatch
        if "timings" in self.module.refused and cache.content:
            return False
        self.timings = cache
        return True

    def get_timing_cache(self):
        return self.timings


class Builder:
    def __init__(self, log):
        self.log, self.module = log, log.module

    def create_network(self, flags):
        return SimpleNamespace(flags=flags, graph=None)

    def create_builder_config(self):
        return Config(self.module)

    def create_optimization_profile(self):
        return Profile()

    def build_serialized_network(self, network, config):
        if "build" in self.module.refused:
            self.log.log(Severity.WARNING, "something minor")
            self.log.log(Severity.ERROR, "no kernel fits into the workspace")
            return None
        self.module.builds.append(SimpleNamespace(network=network, config=config))
        plan = (self.module.__version__, self.module.driver, network.graph, config.profiles)
        return memoryview(pickle.dumps(plan))


class OnnxParser:
    def __init__(self, network, log):
        self.network, self.module, self.errors = network, log.module, []

    @property
    def num_errors(self):
        return len(self.errors)

    def get_error(self, index):
        return self.errors[index]

    def parse(self, graph):
        for node in onnx.load_from_string(graph).graph.node:
            if node.op_type in self.module.refused:
                self.errors.append(
                    SimpleNamespace(
                        node_operator=lambda node=node: node.op_type,
                        node_name=lambda node=node: node.name,
                        desc=lambda: "no importer",
                    )
                )
        self.network.graph = bytes(graph)
        return not self.errors


class Runtime:
    def __init__(self, log):
        self.log, self.module = log, log.module

    def deserialize_cuda_engine(self, plan):
        version, driver, graph, profiles = pickle.loads(plan)  # noqa: S301 - the test's own
        if (version, driver) != (self.module.__version__, self.module.driver):
            self.log.log(Severity.ERROR, "the plan is of another driver")
            return None
        return CudaEngine(self.log, graph, profiles)


@cache
def open_session(graph):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(graph, options)


@cache
def output_shapes(session, shapes):
    blank = {name: np.zeros(shape, dtype) for name, shape, dtype in shapes}
    names = [each.name for each in session.get_outputs()]
    results = session.run(names, blank)
    return {name: each.shape for name, each in zip(names, results, strict=True)}


class CudaEngine:
    device_memory_size_v2 = 1000

    def __init__(self, log, graph, profiles):
        self.log, self.module = log, log.module
        self.session = open_session(graph)
        self.reads = [each.name for each in self.session.get_inputs()]
        self.tensors = {
            each.name: DataType(each.type)
            for each in (*self.session.get_inputs(), *self.session.get_outputs())
        }
        self.profiles = profiles
        self.num_io_tensors = len(self.tensors)
        self.num_optimization_profiles = len(profiles)

    def get_tensor_name(self, index):
        return list(self.tensors)[index]

    def get_tensor_mode(self, name):
        return "input" if name in self.reads else "output"

    def get_tensor_dtype(self, name):
        return self.tensors[name]

    def create_execution_context(self, strategy):
        assert strategy == "user managed"
        if "context" in self.module.refused:
            self.log.log(Severity.ERROR, "out of memory")
            return None
        self.module.contexts += 1
        return ExecutionContext(self)


class ExecutionContext:
    def __init__(self, engine):
        self.engine, self.module = engine, engine.module
        self.profile, self.memory = None, None
        self.shapes, self.addresses = {}, {}

    def set_optimization_profile_async(self, index, stream):
        assert stream == HostDevice.STREAM
        self.profile = self.engine.profiles[index]
        return True

    def set_device_memory(self, address, size):
        assert size >= self.engine.device_memory_size_v2
        self.memory = address

    def set_input_shape(self, name, shape):
        self.shapes[name] = shape
        return self.profile[name] == shape

    def infer_shapes(self):
        return [name for name in self.engine.reads if name not in self.shapes]

    def get_tensor_shape(self, name):
        if name in self.shapes:
            return Dims(self.shapes[name])
        if "shapes" in self.module.refused:
            return Dims([-1])
        given = tuple(
            (each, self.shapes[each], NUMPY[self.engine.tensors[each]])
            for each in self.engine.reads
        )
        return Dims(output_shapes(self.engine.session, given)[name])

    def set_tensor_address(self, name, address):
        self.addresses[name] = address
        return bool(address)

    def execute_async_v3(self, stream):
        assert stream == HostDevice.STREAM
        assert self.memory
        if "run" in self.module.refused:
            self.engine.log.log(Severity.INTERNAL_ERROR, "an illegal memory access")
            return False
        self.module.runs.append(dict(self.shapes))
        given = {name: self._array(name, self.shapes[name]) for name in self.engine.reads}
        results = self.engine.session.run(None, given)
        for each, result in zip(self.engine.session.get_outputs(), results, strict=True):
            self._array(each.name, result.shape)[...] = result
        return True

    def _array(self, name, shape):
        dtype = np.dtype(NUMPY[self.engine.tensors[name]])
        size = int(np.prod(shape)) * dtype.itemsize
        memory = (ctypes.c_uint8 * size).from_address(self.addresses[name])
        return np.frombuffer(memory, dtype).reshape(shape)


class HostDevice:
    """The host's memory in the place of a GPU's; what is captured is run again, not recorded."""

    STREAM = 7
    capturable = True

    def __init__(self, device):
        self.asked = device
        self.torch_device = torch.device("cpu")
        self.gpu = Gpu("Tested GPU", (9, 0))
        self.workspace_bytes = 1 << 20

    def active(self):
        return contextlib.nullcontext()

    def stream(self):
        return self.STREAM

    def wait(self):
        pass

    def host_memory(self, shape, dtype):
        return torch.empty(shape, dtype=dtype)

    def capture(self, work):
        return work if self.capturable else None


@pytest.fixture
def fake(monkeypatch):
    """The stand-in in the place of the package; its state is the test's to read and set."""
    module = ModuleType("tensorrt")
    module.__version__ = "10.13.0"
    module.driver = "a"
    module.refused, module.builds, module.runs, module.contexts = set(), [], [], 0
    module.ILogger = type("ILogger", (Logger,), {"module": module})
    module.Builder, module.OnnxParser, module.Runtime = Builder, OnnxParser, Runtime
    module.DataType, module.Dims = DataType, Dims
    module.NetworkDefinitionCreationFlag = enum.IntEnum("Flag", {"STRONGLY_TYPED": 1})
    module.MemoryPoolType = SimpleNamespace(WORKSPACE="workspace")
    module.BuilderFlag = SimpleNamespace(TF32="tf32")
    module.TensorIOMode = SimpleNamespace(INPUT="input")
    module.ExecutionContextAllocationStrategy = SimpleNamespace(USER_MANAGED="user managed")
    monkeypatch.setitem(sys.modules, "tensorrt", module)
    return module


@pytest.fixture
def device(monkeypatch):
    monkeypatch.setattr(HostDevice, "capturable", True)
    monkeypatch.setattr(tensorrt_segmenter, "CudaDevice", HostDevice)
    return HostDevice("auto")


@pytest.fixture(scope="session")
def doubling():
    """A graph of free size: twice its input, and the index of each row's greatest value."""
    nodes = [
        helper.make_node("Add", ["x", "x"], ["twice"], name="sum"),
        helper.make_node("ArgMax", ["x"], ["winner"], name="winner", axis=1, keepdims=0),
        helper.make_node("Cast", ["winner"], ["row"], name="cast", to=TensorProto.UINT8),
    ]
    graph = helper.make_graph(
        nodes,
        "doubling",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])],
        [
            helper.make_tensor_value_info("twice", TensorProto.FLOAT, ["n", 4]),
            helper.make_tensor_value_info("row", TensorProto.UINT8, ["n"]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString()
