"""Bag replay: a recording through the pipeline, with faults put in, the same every time."""

from anyseg_core.replay.bag import Bag
from anyseg_core.replay.campaign import (
    dask_cluster,
    merge_results,
    plan_jobs,
    run_campaign,
)
from anyseg_core.replay.cases import (
    NOMINAL,
    Case,
    fault_case,
    library_cases,
    nominal_case,
    subset_cases,
)
from anyseg_core.replay.job import JobResult, ReplaySettings, run_job
from anyseg_core.replay.scenarios import scenario_cases
from anyseg_core.replay.sinks import MASK_FORMATS
from anyseg_core.replay.topics import ROLES, TopicMap, find_topics

__all__ = [
    "MASK_FORMATS",
    "NOMINAL",
    "ROLES",
    "Bag",
    "Case",
    "JobResult",
    "ReplaySettings",
    "TopicMap",
    "dask_cluster",
    "fault_case",
    "find_topics",
    "library_cases",
    "merge_results",
    "nominal_case",
    "plan_jobs",
    "run_campaign",
    "run_job",
    "scenario_cases",
    "subset_cases",
]
