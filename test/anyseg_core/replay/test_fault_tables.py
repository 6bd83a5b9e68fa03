"""A campaign's tables, and the page that shows them."""

import pytest

from anyseg_core.config import PipelineConfig
from anyseg_core.replay import (
    ReplaySettings,
    library_cases,
    nominal_case,
    run_job,
    subset_cases,
)
from anyseg_core.replay.fault_tables import costliest, fault_tables
from anyseg_core.replay.report import write_report
from anyseg_core.replay.summary import replay_figures
from anyseg_core.replay.timeline import miou
from anyseg_core.types import MODALITIES

CLASSES = 25


def figures_of(name, sensors, fault=None, agreement=None, miou=None):
    return {
        "name": name,
        "sensors": list(sensors),
        "miou": miou,
        "agreement": agreement,
        "faults": [] if fault is None else [fault],
    }


def fault_of(sensor, kind, during, clean, masks=30):
    return {
        "sensor": sensor, "kind": kind, "miou_during": during, "miou_clean": clean,
        "masks_during": masks, "masks_clean": 30, "detection_delay_ms": 100.0,
    }  # fmt: skip


def test_a_cell_holds_the_score_and_its_change_against_the_same_sensors():
    cases = [
        figures_of("nominal", ("rgb", "depth"), miou=0.5),
        figures_of("rgb-black", ("rgb", "depth"), fault_of("rgb", "black", 0.4, 0.5), miou=0.4),
        figures_of("only-R-rgb-black", ("rgb",), fault_of("rgb", "black", None, 0.3, 0), miou=0.2),
    ]
    [table] = fault_tables(cases)
    assert (table.sensor, table.letters, table.clean) == ("rgb", ("RD", "R"), (0.5, 0.3))
    [(kind, (both, alone))] = table.rows
    assert kind == "black"
    assert (both.score, both.masks, both.delay_ms) == (0.4, 1.0, 100.0)
    assert both.change == pytest.approx(-0.1)
    assert (alone.score, alone.change, alone.masks) == (None, None, 0.0)


def test_without_truth_agreement_takes_the_place_of_scores():
    cases = [
        figures_of("nominal", ("rgb", "depth")),
        figures_of("only-R", ("rgb",), agreement=0.8),
        figures_of("rgb-fog", ("rgb", "depth"), fault_of("rgb", "fog", None, None), 0.9),
        figures_of("only-R-rgb-fog", ("rgb",), fault_of("rgb", "fog", None, None), 0.5),
    ]
    [table] = fault_tables(cases)
    assert table.clean == (1.0, 0.8)
    [(_, cells)] = table.rows
    assert [cell.change for cell in cells] == [pytest.approx(-0.1), pytest.approx(-0.3)]


def test_faults_of_one_set_of_sensors_need_no_table():
    cases = [
        figures_of("nominal", ("rgb",), miou=0.5),
        figures_of("rgb-fog", ("rgb",), fault_of("rgb", "fog", 0.2, 0.5), miou=0.4),
    ]
    assert fault_tables(cases) == []


def test_the_costliest_are_those_with_all_sensors_that_lost_most():
    cases = [
        figures_of("nominal", ("rgb", "depth"), miou=0.5),
        *(
            figures_of(kind, ("rgb", "depth"), fault_of("rgb", kind, during, 0.5), miou=0.4)
            for kind, during in (("fog", 0.4), ("black", 0.1), ("noise", 0.3))
        ),
        figures_of("only", ("rgb",), fault_of("rgb", "black", 0.0, 0.5), miou=0.1),
    ]
    assert costliest(cases, 2) == ["black", "noise"]
    assert costliest(cases[:1], 2) == []


@pytest.fixture(scope="module")
def campaign(bag, checkpoint):
    config = PipelineConfig(input_width=32, input_height=32)
    settings = ReplaySettings(bag=bag, checkpoint=str(checkpoint), backend="torch", config=config)
    subsets = subset_cases(MODALITIES, "R,DL")
    faulty = library_cases(MODALITIES, "deliver", 3 * 10**9, [one.sensors for one in subsets])
    wanted = [case for case in faulty if case.name.endswith(("under_exposure", "lidar_jitter"))]
    return run_job(settings, (nominal_case(MODALITIES), *subsets, *wanted)).results


def test_the_clean_score_is_that_of_the_same_sensors_at_the_same_time(campaign):
    figures = replay_figures(campaign, "nominal", CLASSES, 30, [])
    rows = {result.case.name: result.rows for result in campaign}
    checked = 0
    for case in figures["cases"]:
        for fault in case["faults"]:
            beside = {4: "nominal", 1: "only-R", 2: "only-DL"}[len(case["sensors"])]
            during = [
                row for row in rows[beside] if fault["start_s"] <= row.t_ns / 1e9 < fault["end_s"]
            ]
            assert fault["miou_clean"] == pytest.approx(miou(during, CLASSES))
            assert fault["masks_clean"] == sum(row.letters != "-" for row in during)
            checked += 1
    assert checked == 4


def test_the_page_has_a_table_for_each_sensor(campaign, tmp_path):
    pytest.importorskip("jinja2", reason="the extra report is not installed")
    figures = replay_figures(campaign, "nominal", CLASSES, 30, [])
    beside = {"bag": "b", "network": "n", "trained": True, "command": "c"}
    page = write_report(tmp_path, beside | figures, campaign[:1], CLASSES, 3.0).read_text("utf-8")
    tables = fault_tables(figures["cases"])
    assert [table.letters for table in tables] == [("RDEL", "R"), ("RDEL", "DL")]
    for table in tables:
        assert f"Faults of {table.sensor}, within each set of sensors" in page
        for _, cells in table.rows:
            for cell in cells:
                assert f"{100 * cell.score:.1f} <small>{100 * cell.change:+.1f}</small>" in page
