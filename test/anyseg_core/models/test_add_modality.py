from __future__ import annotations

import pytest

from anyseg_core.errors import ConfigurationError
from anyseg_core.models import add_modality


@pytest.mark.parametrize(("name", "like"), [("rgb", "depth"), ("thermal", "sonar")])
def test_a_known_new_name_or_an_unknown_likeness_is_refused(name, like, make_model):
    with pytest.raises(ConfigurationError, match="a new name, and one of rgb, depth"):
        add_modality(make_model("any2seg"), name, like)


def test_the_main_modality_of_cmnexts_form_is_no_model_for_another(make_model):
    with pytest.raises(ConfigurationError, match="parameters of its own"):
        add_modality(make_model("cmnext"), "thermal", like="rgb")


def test_what_charm_keeps_per_modality_starts_as_a_copy(make_model):
    model = make_model("charm", modalities=("rgb", "lidar"))
    weights = add_modality(model, "radar", like="lidar").state_dict()
    own = [key for key in weights if "radar" in key]
    assert any("projectors" in key for key in own)
    assert any("key_value" in key for key in own)
    for key in own:
        assert weights[key].equal(weights[key.replace("radar", "lidar")])
