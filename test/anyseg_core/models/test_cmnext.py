from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from anyseg_core.errors import ConfigurationError
from anyseg_core.models import build_model
from anyseg_core.models.two_streams import PoolingMixer, SelfQueryHub, StreamFusion


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
        picked, boosted, scores = hub(features)
    for name, feature in features.items():
        torch.testing.assert_close(boosted[name], feature * (1 + scores[name]))
    torch.testing.assert_close(picked, torch.maximum(*boosted.values()))
    assert all(((score > 0) & (score < 1)).all() for score in scores.values())


def test_a_mixer_is_its_two_branches_beside_a_channel_gate():
    torch.manual_seed(0)
    mixer = PoolingMixer(3, 2, 0.0).eval()
    for parameter in mixer.parameters():
        torch.nn.init.normal_(parameter)
    hub = torch.randn(2, 3, 5, 4)
    pool = torch.nn.functional.avg_pool2d
    with torch.no_grad():
        normed = mixer.norm_gate(hub)
        local = mixer.local(normed)
        wide = local + sum(pool(local, n, 1, n // 2, count_include_pad=False) for n in (3, 7, 11))
        gated = hub + mixer.scale_gate * (torch.sigmoid(mixer.mix(wide)) + 1) * normed
        kernel = mixer.channel_gate.weight[0, 0]
        wanted = torch.empty_like(hub)
        hidden = mixer.depthwise(mixer.expand(mixer.norm_mlp(gated)))
        branch = mixer.scale_mlp * mixer.contract(torch.nn.functional.gelu(hidden))
        for b in range(2):
            means = [0.0, *gated[b].mean((1, 2)).tolist(), 0.0]
            for c in range(3):
                score = sum(kernel[i] * means[c + i] for i in range(3))
                wanted[b, c] = gated[b, c] * torch.sigmoid(score) + branch[b, c]
        torch.testing.assert_close(mixer(hub), wanted)


def test_folding_the_head_changes_its_cost_and_not_its_result(make_model, make_images):
    images = make_images(("rgb", "depth"))
    with torch.no_grad():
        published = make_model("cmnext")(images).logits
        folded = make_model("cmnext", folded_head=True)(images).logits
    torch.testing.assert_close(folded, published, rtol=1e-4, atol=1e-5)


def test_it_costs_as_many_multiplications_as_published():
    with torch.device("meta"):
        model = build_model("cmnext", "mit_b2", 25).eval()
        images = {name: torch.zeros(1, 3, 512, 512) for name in model.spec.modalities}
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(images)
    # The authors' 65.42 G count a multiplication and its addition as one.
    assert counter.get_total_flops() / 2e9 == pytest.approx(65.42, rel=0.01)


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
