"""Builds and loads against the stand-in of conftest.py: our control flow, not TensorRT's work."""

import sys

import pytest
import torch

from anyseg_core.errors import CheckpointError, ConfigurationError, MissingDependencyError
from anyseg_core.runtime.tensorrt_engine import Engine, build_plan, import_tensorrt
from anyseg_core.runtime.tensorrt_graph import prepare_graph

PROFILES = [{"x": (1, 4)}, {"x": (3, 4)}]
CPU = torch.device("cpu")
STREAM = 7


@pytest.fixture
def build(fake, doubling):  # noqa: ARG001 - in the place of tensorrt
    graph = prepare_graph(doubling, PROFILES, half=False)
    return lambda timings=b"": build_plan(
        graph, PROFILES, workspace_bytes=123, timing_cache=timings
    )


def test_without_tensorrt_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    with pytest.raises(MissingDependencyError, match=r"run: pip install tensorrt-cu12") as caught:
        import_tensorrt()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("version", ["8.6.1", "10.0.1"])
def test_an_older_tensorrt_is_refused_with_its_version(fake, version):
    fake.__version__ = version
    with pytest.raises(MissingDependencyError, match=f"got TensorRT {version}; wanted 10.1 or"):
        import_tensorrt()


def test_each_set_of_shapes_becomes_a_profile_of_a_strongly_typed_network(fake, build):
    build()
    (built,) = fake.builds
    assert built.config.profiles == PROFILES
    assert built.config.limits == {"workspace": 123}
    assert built.config.cleared == ["tf32"]
    assert built.network.flags == 1 << fake.NetworkDefinitionCreationFlag.STRONGLY_TYPED


def test_what_the_parser_refuses_is_named(fake, build):
    fake.refused.add("ArgMax")
    with pytest.raises(CheckpointError, match=r"cannot read \(ArgMax winner: no importer\)"):
        build()


def test_a_failed_build_repeats_tensorrts_errors_and_no_warnings(fake, build):
    fake.refused.add("build")
    with pytest.raises(ConfigurationError, match=r"\(no kernel fits into the workspace\)"):
        build()


def test_a_profile_that_tensorrt_does_not_take_is_an_error(fake, build):
    fake.refused.add("profile")
    with pytest.raises(ConfigurationError, match=r"got input shapes \{'x': \(1, 4\)\}"):
        build()


def test_timings_are_handed_on_from_build_to_build(build):
    assert build(build(b"").timing_cache).timing_cache == b"++"


def test_timings_of_another_gpu_are_dropped(fake, build):
    fake.refused.add("timings")
    assert build(b"of another").timing_cache == b"+"


def test_an_engine_knows_its_tensors(build):
    engine = Engine(build().engine, PROFILES, CPU)
    assert engine.inputs == ("x",)
    assert engine.outputs == ("twice", "row")
    assert engine.types == {"x": torch.float32, "twice": torch.float32, "row": torch.uint8}


def test_a_context_knows_every_shape_for_its_profile(build):
    engine = Engine(build().engine, PROFILES, CPU)
    context = engine.new_context({"x": (3, 4)}, STREAM)
    assert [engine.shape(context, name) for name in ("x", "twice", "row")] == [(3, 4), (3, 4), (3,)]


def test_shapes_without_a_profile_are_refused_with_those_that_have_one(build):
    engine = Engine(build().engine, PROFILES, CPU)
    with pytest.raises(ConfigurationError, match=r"\(2, 4\).*\(1, 4\).*\(3, 4\)"):
        engine.new_context({"x": (2, 4)}, STREAM)


def test_a_plan_that_tensorrt_does_not_load_is_refused_with_its_reason(fake, build):
    plan = build().engine
    fake.driver = "b"
    with pytest.raises(CheckpointError, match="of another driver"):
        Engine(plan, PROFILES, CPU)


def test_a_plan_with_another_number_of_profiles_is_refused(build):
    with pytest.raises(CheckpointError, match="no engine for"):
        Engine(build().engine, PROFILES[:1], CPU)


def test_lack_of_memory_for_a_context_is_told_in_tensorrts_words(fake, build):
    engine = Engine(build().engine, PROFILES, CPU)
    fake.refused.add("context")
    with pytest.raises(RuntimeError, match="out of memory"):
        engine.new_context(PROFILES[0], STREAM)


def test_an_output_whose_shape_depends_on_values_is_refused(fake, build):
    engine = Engine(build().engine, PROFILES, CPU)
    context = engine.new_context(PROFILES[0], STREAM)
    fake.refused.add("shapes")
    with pytest.raises(RuntimeError, match=r"to tell the shape of row: \(-1,\)"):
        engine.shape(context, "row")
