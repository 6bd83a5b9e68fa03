"""Subsets are named and ordered as in the papers' tables."""

import pytest

from anyseg_core.evaluation import all_subsets, in_order, subset_name
from anyseg_core.types import MODALITIES


def test_the_fifteen_subsets_stand_in_the_order_of_the_papers_table():
    names = [subset_name(subset, MODALITIES) for subset in all_subsets(MODALITIES)]
    wanted = "R D E L RD RE RL DE DL EL RDE RDL REL DEL RDEL"
    assert names == wanted.split()


def test_names_do_not_depend_on_the_order_in_which_a_model_lists_its_modalities():
    assert in_order(("lidar", "rgb", "event")) == ("rgb", "event", "lidar")
    assert all_subsets(("lidar", "rgb"))[-1] == ("rgb", "lidar")


@pytest.mark.parametrize(
    ("modalities", "name"),
    [
        (("rgb", "aolp", "dolp", "nir"), "RADN"),
        (("rgb", "event", "lidar"), "REL"),
        (("rgb", "thermal", "tof"), "rgb+thermal+tof"),
        (("depth", "dolp"), "depth+dolp"),
    ],
)
def test_modalities_of_other_sets_get_letters_unless_two_would_share_one(modalities, name):
    assert subset_name(all_subsets(modalities)[-1], modalities) == name
