"""``anyseg benchmark runtime``: its cases and what it reports beside times."""

import re

import pytest

from anyseg_core.benchmark import runtime, runtime_report, runtimes
from anyseg_core.benchmark.measure import measure
from anyseg_core.benchmark.runtimes import EAGER, INT8, Network, Runtime
from anyseg_core.errors import MissingDependencyError
from anyseg_core.types import MODALITIES

pytest.importorskip("openvino")
pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")

SIDE = 64
EXACT = Runtime("openvino", "float32")
MEASURED = (EXACT, runtime.BEST)


@pytest.fixture(scope="module", autouse=True)
def small(tmp_path_factory):
    """One small size, a small encoder, few runtimes, and a cache of the tests' own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(runtimes, "CALIBRATION_SIDE", SIDE)
        patch.setattr(runtime, "SIDES", (SIDE,))
        patch.setattr(runtime, "LARGE", runtime.SMALL)
        patch.setattr(runtime, "CMNEXT", Network("cmnext", "mit_b0"))
        patch.setattr(runtime, "DEFAULT_COUNTS", (1,))
        for module in (runtime, runtime_report):
            patch.setattr(module, "OTHERS", MEASURED)
        yield
    for cached in (
        runtimes.load,
        runtimes.warm_up,
        runtimes.parity,
        runtimes.probe,
        runtime_report.lidar_branch,
        runtime_report.sensors_fail,
    ):
        cached.cache_clear()


@pytest.fixture(scope="module")
def cases():
    return list(runtime.runtime_cases(1.0))


@pytest.fixture(scope="module")
def rows(cases):
    return [row for case in cases for row in measure(case, 1)]


def test_each_runtime_meets_each_number_of_modalities_at_each_size(cases):
    names = [case.name for case in cases]
    for each in MEASURED:
        for letters in ("R", "RD", "RDE", "RDEL"):
            assert f"{each}, mit_b0, {letters}, {SIDE} x {SIDE}" in names


def test_the_packages_own_network_is_measured_at_the_smallest_size(cases):
    names = [case.name for case in cases if "default" in case.name]
    assert names == [f"{each}, default, R, {SIDE} x {SIDE}" for each in MEASURED]


def test_a_scale_shrinks_images_to_multiples_of_32(monkeypatch):
    monkeypatch.setattr(runtime, "SIDES", (256, 512))
    assert runtime.scaled_sides(1.0) == [256, 512]
    assert runtime.scaled_sides(0.02) == [32, 64]


def test_eager_pytorch_is_in_every_run_and_int8_meets_its_own_float32(cases):
    for case in cases:
        peers = [peer.name for peer in case.peers]
        if runtime.CMNEXT_NAME in peers:
            assert "RDEL" in case.name
            continue
        assert peers[0] == runtime.EAGER_NAME
        assert peers[1:] == ([str(EXACT)] if INT8 in case.name else [])


def test_what_is_asked_for_is_asked_of_four_modalities_at_the_largest_size(rows):
    wanted = {(row.name, row.peer): row.wanted for row in rows if row.wanted}
    name = "openvino int8, mit_b0, RDEL, 64 x 64"
    assert wanted == {
        (name, runtime.EAGER_NAME): "3 x",
        (name, str(EXACT)): "1.5 x",
        (name, runtime.CMNEXT_NAME): "3 x",
    }


def test_a_run_segments_the_subset_that_its_name_says():
    work = runtime.segment(runtime.SMALL, EAGER, SIDE, ("rgb", "event"))
    prediction = work()
    assert set(prediction.weights) == {"rgb", "event"}
    assert prediction.labels.shape == (SIDE, SIDE)


def test_facts_cover_every_subset_and_name_the_data(rows):
    facts = runtime_report.runtime_facts(rows)
    assert re.fullmatch("[0-9a-f]{64}", facts["data_sha256"])
    assert facts["data_sha256"] == runtime_report.runtime_facts(rows)["data_sha256"]
    for each in MEASURED:
        shares = facts["labels_equal"][str(each)]
        assert len(shares) == 2 ** len(MODALITIES) - 1
        assert all(0.0 < share <= 1.0 for share in shares.values())
    assert facts["labels_equal"][str(EXACT)]["rgb"] > 0.995
    stream = facts["sensors_fail_seconds"][str(EXACT)]
    assert stream["over"] == pytest.approx(stream["slowest"] / stream["median"])
    assert facts["warm_up"]["openvino int8, 64 x 64"]["seconds"] > 0
    branch = facts["lidar_branch_seconds"]["torch float32, 64 x 64"]
    assert branch["fall"] == pytest.approx(1.0 - branch["kept"] / branch["encoded"])


def test_sensors_fail_in_flight_and_the_calmest_stream_counts(monkeypatch):
    seen, times = [], iter([0.1] * 30 + [0.5] + [0.1] * 29 + [0.1] * 59 + [0.3])

    class Watched:
        def segment(self, tensors):
            seen.append(tuple(tensors))

    def fake_seconds(run, _):
        run()
        return next(times)

    monkeypatch.setattr(runtime_report, "load", lambda *_: Watched())
    monkeypatch.setattr(runtime_report, "warm_up", lambda *_: None)
    monkeypatch.setattr(runtime_report, "least_seconds", fake_seconds)
    monkeypatch.setattr(runtime_report, "_ROUNDS", 2)
    stream = runtime_report.sensors_fail(Runtime("none", "at all"), 32)
    assert stream == {"median": 0.1, "slowest": 0.3, "over": pytest.approx(3.0)}
    assert [len(set(seen[i : i + 15])) for i in range(0, 60, 15)] == [1, 1, 1, 1]
    assert [seen[i] for i in (0, 15, 30, 45)] == [
        MODALITIES, ("depth", "event", "lidar"), ("depth", "event"), MODALITIES,
    ]  # fmt: skip


def test_the_lidar_is_encoded_once_in_three_frames_where_it_is_kept(monkeypatch):
    encoded = []

    class Counting:
        def segment(self, tensors, readings):
            (name,) = tensors
            if not encoded or encoded[-1] != readings[name]:
                encoded.append(readings[name])

    def fake_seconds(run, repeats):
        before = len(encoded)
        for _ in range(repeats):
            run()
        return float(len(encoded) - before)

    monkeypatch.setattr(runtime_report, "load", lambda *_: Counting())
    monkeypatch.setattr(runtime_report, "warm_up", lambda *_: None)
    monkeypatch.setattr(runtime_report, "least_seconds", fake_seconds)
    branch = runtime_report.lidar_branch(Runtime("none", "at all"), 32)
    assert branch["encoded"] == 1.0
    assert branch["fall"] == pytest.approx(2 / 3)


def test_tables_and_plot_show_every_runtime(rows, tmp_path):
    pytest.importorskip("matplotlib")
    text = runtime_report.runtime_table(rows)
    for each in (*MEASURED, EAGER):
        assert f"| {each} | 64 x 64 |" in text
        assert re.search(rf"\| {each} \| [0-9.]+ ms \| [0-9.]+ ms \| [0-9.]+ \| at most 2 ", text)
    assert "97 %" in text
    assert "99.5 %" in text
    runtime_report.plot_runtime(rows, tmp_path / "runtime.png")
    assert (tmp_path / "runtime.png").stat().st_size > 10_000


def test_a_runtime_that_is_not_installed_is_left_out(monkeypatch):
    def missing(*_):
        raise MissingDependencyError("no package", "it", "install it")

    monkeypatch.setattr(runtimes, "load", missing)
    assert not runtimes.usable(runtime.SMALL, runtime.BEST)
