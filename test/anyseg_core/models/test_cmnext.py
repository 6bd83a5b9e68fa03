from __future__ import annotations

import pytest
import torch

from anyseg_core.errors import ConfigurationError
from anyseg_core.models import build_model
from anyseg_core.models.two_streams import SelfQueryHub, StreamFusion


def test_a_missing_modality_is_a_stream_of_zeros(make_model, make_images):
    model = make_model("cmnext")
    present = make_images(("depth", "lidar"))
    zeros = torch.zeros(1, 3, 64, 64)
    with torch.no_grad():
        output = model(present)
        zeroed = model(present | {"rgb": zeros, "event": zeros})
    assert torch.equal(output.logits, zeroed.logits)
    assert list(output.weights) == ["depth", "lidar"]


def test_the_main_modality_counts_fully_and_the_others_by_their_scores(make_model, make_images):
    with torch.no_grad():
        weights = make_model("cmnext")(make_images(("rgb", "depth", "event"))).weights
    assert weights["rgb"].item() == 1.0
    assert 0 < weights["depth"].item() < 1
    assert weights["depth"].item() != weights["event"].item()


def test_the_hub_takes_the_strongest_boosted_feature_at_each_place():
    torch.manual_seed(0)
    hub = SelfQueryHub(3, ("depth", "event"))
    features = {name: torch.randn(2, 3, 4, 5) for name in ("depth", "event")}
    with torch.no_grad():
        picked, scores = hub(features)
    boosted = [features[name] * (1 + scores[name]) for name in features]
    torch.testing.assert_close(picked, torch.maximum(*boosted))
    assert all(((score > 0) & (score < 1)).all() for score in scores.values())


def test_each_stream_asks_the_other_ones_context():
    torch.manual_seed(0)
    fusion = StreamFusion(4, 2).eval()
    main, hub = torch.randn(1, 4, 3, 3), torch.randn(1, 4, 3, 3)
    with torch.no_grad():
        before = fusion(main, hub)
        context = fusion._context(0, torch.rand(1, 9, 4))
        changed = hub.clone()
        changed[..., 0, 0] += 1.0
        after = fusion(main, changed)
    torch.testing.assert_close(context.sum(2), torch.ones(1, 2, 2))
    # One place of one stream changes every place of the result, through the global context.
    assert ((before - after).abs().amax(1) > 0).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"modalities": ("rgb",)}, "build segformer"), ({"drop_path": 2.0}, "drop_path")],
)
def test_what_it_cannot_be_built_with_is_refused(arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        build_model("cmnext", "mit_b0", **arguments)
