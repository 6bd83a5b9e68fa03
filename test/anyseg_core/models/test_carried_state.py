from __future__ import annotations

import pytest
import torch

from anyseg_core.errors import ConfigurationError
from anyseg_core.models import CarriedState

SECOND = 1_000_000_000


def test_a_state_is_recalled_within_its_age_and_forgotten_after():
    memory = CarriedState(max_age_ns=SECOND)
    assert memory.recall(0) == ()
    memory.keep(5 * SECOND, (torch.ones(1, requires_grad=True),))
    (recalled,) = memory.recall(6 * SECOND)
    assert recalled.item() == 1.0
    assert not recalled.requires_grad
    assert memory.recall(6 * SECOND + 1) == ()


@pytest.mark.parametrize("stamp_ns", [0, 5 * SECOND - 1, 5 * SECOND])
def test_a_jump_back_in_time_forgets_the_state_for_good(stamp_ns):
    memory = CarriedState(max_age_ns=SECOND)
    memory.keep(5 * SECOND, (torch.ones(1),))
    assert memory.recall(stamp_ns) == ()
    assert memory.recall(5 * SECOND + 1) == ()


@pytest.mark.parametrize(("level", "maps"), [("head", 1), ("last", 1), ("every", 4)])
def test_any2seg_takes_its_own_state_back_and_it_matters(level, maps, make_model, make_images):
    model = make_model("any2seg", fusion_level=level)
    first, second = make_images(("rgb", "depth")), make_images(("rgb", "depth"), seed=5)
    with torch.no_grad():
        state = model(first).state
        assert len(state) == maps
        fresh, carried = model(second).logits, model(second, state).logits
    assert not torch.allclose(fresh, carried)


def test_a_state_that_does_not_fit_is_refused(make_model, make_images):
    model = make_model("any2seg")
    images = make_images(("rgb",))
    with torch.no_grad():
        state = model(make_images(("rgb",), size=(96, 64))).state
        with pytest.raises(ConfigurationError, match="start without a state"):
            model(images, state)
        with pytest.raises(ConfigurationError, match="pass the state"):
            model(images, (*state, *state))
        with pytest.raises(ConfigurationError, match="Any2Seg"):
            make_model("mean_fusion")(images, state)
