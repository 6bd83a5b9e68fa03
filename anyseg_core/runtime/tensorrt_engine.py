"""TensorRT engines: built from a graph, one optimisation profile per set of input shapes.

Source: TensorRT's documentation of its Python API, versions 10 and 11, where every network is
strongly typed: the graph says what is computed in half precision (see ``prepare_graph``).
"""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from anyseg_core.errors import CheckpointError, ConfigurationError, MissingDependencyError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import tensorrt

    from anyseg_core.runtime.tensorrt_graph import Shapes

_OLDEST = (10, 1)
"""The first version whose contexts take working memory of a size that they are told."""


class Plan(NamedTuple):
    """A built engine as TensorRT serialises it, and what it learned about this GPU's kernels."""

    engine: bytes
    timing_cache: bytes


def import_tensorrt() -> Any:  # noqa: ANN401 - a module that may be absent
    """Return the package ``tensorrt``.

    Raises:
        MissingDependencyError: it is not installed, is older than version 10.1, or lacks the
            libraries that it needs.
    """
    try:
        module = import_module("tensorrt")
        version = str(module.__version__)
    except (ImportError, OSError, AttributeError) as error:
        raise MissingDependencyError(
            f"no usable package tensorrt ({error})",
            "TensorRT 10.1 or newer, for the backend tensorrt",
            "run: pip install tensorrt-cu12 (or tensorrt-cu13, to match the GPU's driver)",
        ) from error
    if tuple(int(part) for part in version.split(".")[:2]) < _OLDEST:
        raise MissingDependencyError(
            f"TensorRT {version}", "10.1 or newer", "run: pip install -U tensorrt-cu12"
        )
    return module


def build_plan(
    graph: bytes,
    profiles: Sequence[Shapes],
    *,
    workspace_bytes: int,
    timing_cache: bytes,
) -> Plan:
    """Build an engine for the current CUDA device.

    Args:
        graph: what ``prepare_graph`` returned for the same profiles.
        profiles: the shapes to run on; profile i of the engine is for ``profiles[i]`` alone.
        workspace_bytes: device memory that a layer may use while it runs.
        timing_cache: of an earlier build with this version on this GPU, else empty.

    Raises:
        CheckpointError: TensorRT cannot read the graph.
        ConfigurationError: TensorRT cannot build an engine of it.
        MissingDependencyError: TensorRT is not installed.
    """
    module = import_tensorrt()
    log = _log(module)
    log.errors.clear()
    builder: tensorrt.Builder = module.Builder(log)
    flags = 1 << int(module.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    network: tensorrt.INetworkDefinition = builder.create_network(flags)
    # The network refers to the weights that the parser holds: both live until it is built.
    parser: tensorrt.OnnxParser = module.OnnxParser(network, log)
    if not parser.parse(graph):
        raise CheckpointError(
            f"a graph that TensorRT {module.__version__} cannot read ({_parse_errors(parser)})",
            "operators that TensorRT's ONNX parser knows",
            "choose another backend",
        )
    config: tensorrt.IBuilderConfig = builder.create_builder_config()
    config.set_memory_pool_limit(module.MemoryPoolType.WORKSPACE, workspace_bytes)
    config.clear_flag(module.BuilderFlag.TF32)  # what is float32 in the graph is meant to be
    for shapes in profiles:
        _add_profile(module, builder, config, shapes)
    _use_timing_cache(config, timing_cache)
    plan: tensorrt.IHostMemory | None = builder.build_serialized_network(network, config)
    if plan is None:
        raise ConfigurationError(
            f"no engine from TensorRT {module.__version__} for {list(profiles)} "
            f"({log.last_errors()})",
            "an engine",
            "give it more GPU memory, or choose another precision or backend",
        )
    return Plan(bytes(plan), bytes(config.get_timing_cache().serialize()))


class Engine:
    """A loaded engine: what goes in, what comes out, and the memory that its contexts share.

    Args:
        plan: what ``build_plan`` gave.
        profiles: the shapes that it was built for, in the same order.
        device: the torch device that is CUDA's current one.

    Raises:
        CheckpointError: the plan is damaged, or of another version, GPU or graph.
        MissingDependencyError: TensorRT is not installed.
    """

    def __init__(self, plan: bytes, profiles: Sequence[Shapes], device: torch.device) -> None:
        self._module = import_tensorrt()
        self._log = _log(self._module)
        self._log.errors.clear()
        self._runtime: tensorrt.Runtime = self._module.Runtime(self._log)
        engine: tensorrt.ICudaEngine | None = self._runtime.deserialize_cuda_engine(plan)
        if engine is None or engine.num_optimization_profiles != len(profiles):
            raise CheckpointError(
                f"{len(plan)} bytes that are no engine for {list(profiles)} "
                f"({self._log.last_errors()})",
                f"a plan of TensorRT {self._module.__version__} for this GPU",
                "delete the file; it is built anew",
            )
        self._engine = engine
        self._profiles = list(profiles)
        names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
        read = self._module.TensorIOMode.INPUT
        self.inputs = tuple(name for name in names if engine.get_tensor_mode(name) == read)
        self.outputs = tuple(name for name in names if name not in self.inputs)
        known = _types(self._module)
        self.types = {name: known[engine.get_tensor_dtype(name)] for name in names}
        # Contexts run one after the other on one stream: one memory serves them all.
        self._scratch = torch.empty(
            max(engine.device_memory_size_v2, 1), dtype=torch.uint8, device=device
        )

    def new_context(self, shapes: Shapes, stream: int) -> tensorrt.IExecutionContext:
        """Return a context of its own for ``shapes``, with no tensor's address set yet.

        Args:
            shapes: one of the engine's profiles.
            stream: handle of the CUDA stream that the context will run on.

        Raises:
            ConfigurationError: the engine was not built for these shapes.
            RuntimeError: TensorRT refuses, for lack of memory as a rule.
        """
        if shapes not in self._profiles:
            raise ConfigurationError(
                f"input shapes {shapes}", f"one of {self._profiles}", "build an engine for them"
            )
        strategy = self._module.ExecutionContextAllocationStrategy.USER_MANAGED
        context: tensorrt.IExecutionContext | None = self._engine.create_execution_context(strategy)
        if context is None:
            raise RuntimeError(f"TensorRT made no execution context: {self._log.last_errors()}")
        index = self._profiles.index(shapes)
        self.require(context.set_optimization_profile_async(index, stream), f"profile {index}")
        context.set_device_memory(self._scratch.data_ptr(), self._scratch.numel())
        for name, shape in shapes.items():
            self.require(context.set_input_shape(name, shape), f"{name} of shape {shape}")
        lacking = context.infer_shapes()
        self.require(not lacking, f"no shape for {', '.join(lacking)}")
        return context

    def shape(self, context: tensorrt.IExecutionContext, name: str) -> tuple[int, ...]:
        """Return the shape of a tensor in a context.

        Raises:
            RuntimeError: it depends on values, so that no memory can be set aside for it.
        """
        sizes = context.get_tensor_shape(name)
        shape = tuple(sizes[axis] for axis in range(len(sizes)))
        self.require(min(shape, default=0) >= 0, f"to tell the shape of {name}: {shape}")
        return shape

    def require(self, done: bool, what: str) -> None:  # noqa: FBT001 - TensorRT's own answer
        """Check what a call of TensorRT answered.

        Raises:
            RuntimeError: it refused; with its own words.
        """
        if not done:
            raise RuntimeError(f"TensorRT refused {what}: {self._log.last_errors()}")


def _parse_errors(parser: tensorrt.OnnxParser) -> str:
    errors = [parser.get_error(index) for index in range(parser.num_errors)]
    return "; ".join(
        f"{error.node_operator()} {error.node_name()}: {error.desc()}" for error in errors
    )


def _add_profile(
    module: Any,  # noqa: ANN401 - a module that may be absent
    builder: tensorrt.Builder,
    config: tensorrt.IBuilderConfig,
    shapes: Shapes,
) -> None:
    profile: tensorrt.IOptimizationProfile = builder.create_optimization_profile()
    for name, shape in shapes.items():
        fixed = module.Dims(list(shape))
        profile.set_shape(name, fixed, fixed, fixed)
    if config.add_optimization_profile(profile) < 0:
        raise ConfigurationError(
            f"input shapes {shapes}", "shapes that TensorRT takes", "give other shapes"
        )


def _use_timing_cache(config: tensorrt.IBuilderConfig, content: bytes) -> None:
    cache: tensorrt.ITimingCache | None = config.create_timing_cache(content)
    if cache is None or not config.set_timing_cache(cache, ignore_mismatch=False):
        config.set_timing_cache(config.create_timing_cache(b""), ignore_mismatch=False)


def _types(module: Any) -> dict[tensorrt.DataType, torch.dtype]:  # noqa: ANN401 - as above
    return {
        module.DataType.FLOAT: torch.float32,
        module.DataType.HALF: torch.float16,
        module.DataType.UINT8: torch.uint8,
        module.DataType.INT32: torch.int32,
        module.DataType.INT64: torch.int64,
        module.DataType.BOOL: torch.bool,
    }


@lru_cache(maxsize=1)
def _log(module: Any) -> Any:  # noqa: ANN401 - a subclass of a class that may be absent
    """Return the process's only log: TensorRT ignores any but the first."""
    severity = module.ILogger.Severity

    class Log(module.ILogger):  # type: ignore[misc]  # a base from a module that may be absent
        """Keeps TensorRT's error messages for the errors that we raise."""

        def __init__(self) -> None:
            module.ILogger.__init__(self)
            self.errors: list[str] = []

        def log(self, level: object, message: str) -> None:
            """Take one message; TensorRT calls this."""
            if level in {severity.INTERNAL_ERROR, severity.ERROR}:
                self.errors.append(message)

        def last_errors(self) -> str:
            """Return the latest messages in one line."""
            return "; ".join(self.errors[-3:]) or "it gave no reason"

    return Log()
