"""Scores of a checkpoint on a data set, by the papers' protocols, and their report."""

from anyseg_core.evaluation.ablation import ablation_table
from anyseg_core.evaluation.class_map import ClassMap, read_class_map, same_classes
from anyseg_core.evaluation.comparison import comparison_table, read_evaluated
from anyseg_core.evaluation.figures import PROTOCOLS, figures
from anyseg_core.evaluation.predictors import Predictor, load_predictor
from anyseg_core.evaluation.report import write_report
from anyseg_core.evaluation.run import Outcome, evaluate, evaluate_in_processes
from anyseg_core.evaluation.scoring import Plan
from anyseg_core.evaluation.subsets import all_subsets, in_order, subset_name

__all__ = [
    "PROTOCOLS",
    "ClassMap",
    "Outcome",
    "Plan",
    "Predictor",
    "ablation_table",
    "all_subsets",
    "comparison_table",
    "evaluate",
    "evaluate_in_processes",
    "figures",
    "in_order",
    "load_predictor",
    "read_class_map",
    "read_evaluated",
    "same_classes",
    "subset_name",
    "write_report",
]
