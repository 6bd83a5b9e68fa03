from __future__ import annotations

import pytest
import torch

from anyseg_core.models.fusion import fuse_modalities


def test_the_head_classifies_the_fused_maps_of_each_modality(make_model, make_images):
    model = make_model("any2seg")
    images = make_images(("rgb", "depth", "lidar"), batch=2)
    with torch.no_grad():
        output = model.segment_low(images)
        alone = [model.head.fuse_scales(model.encoder(image)) for image in images.values()]
        fused = fuse_modalities(torch.stack(alone))
        logits = model.head.classify(fused.map)
    torch.testing.assert_close(output.logits, logits, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(output.state[0], fused.map, rtol=1e-4, atol=1e-4)
    for i, name in enumerate(images):
        torch.testing.assert_close(output.features[name], alone[i], rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(output.weights[name], fused.weights[i])
        assert (output.weights[name] >= 0).all()


@pytest.mark.parametrize("side", [64, 320])  # all images at once, and one after the other
def test_inference_gives_what_evaluation_with_gradients_gives(side, make_model, make_images):
    model = make_model("any2seg")
    images = make_images(("rgb", "depth", "lidar"), size=(side, side))
    wanted = model.segment_low(images)
    with torch.inference_mode():
        found = model.segment_low(images)
        carried = model.segment_low(images, found.state)
        halves = model.fuse(model.features(tuple(images), torch.cat(list(images.values()))))
    carried_wanted = model.segment_low(images, wanted.state)
    torch.testing.assert_close(found.logits, wanted.logits.detach(), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(halves[0], wanted.logits.detach(), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(found.state[0], wanted.state[0].detach(), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(carried.logits, carried_wanted.logits.detach(), rtol=1e-3, atol=1e-4)
    for i, name in enumerate(images):
        near = {"rtol": 1e-3, "atol": 1e-4}  # for lengths of whole maps, in single precision
        torch.testing.assert_close(found.features[name], wanted.features[name].detach(), **near)
        torch.testing.assert_close(found.weights[name], wanted.weights[name].detach(), **near)
        torch.testing.assert_close(halves[1][i], wanted.weights[name][0].detach(), **near)


@pytest.mark.parametrize("level", ["last", "every"])
def test_fusing_inside_the_encoder_fuses_its_scales(level, make_model, make_images):
    model = make_model("any2seg", fusion_level=level)
    # Three modalities: of two whose features have the same length, both are equally near to f_mb.
    images = make_images(("rgb", "event", "lidar"), batch=2)
    with torch.no_grad():
        scales = [
            torch.stack(pair) for pair in zip(*map(model.encoder, images.values()), strict=True)
        ]
        fused = [fuse_modalities(scale).map for scale in scales]
        means = [scale.mean(0) for scale in scales]
        wanted = fused if level == "every" else [*means[:3], fused[3]]
        logits = model.head.classify(model.head.fuse_scales(wanted))
        output = model.segment_low(images)
    torch.testing.assert_close(output.logits, logits, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("level", ["head", "last", "every"])
def test_while_training_each_modality_is_supervised_alone(level, make_model, make_images):
    model = make_model("any2seg", fusion_level=level, base_weight=0.5, dropout=0.0, drop_path=0.0)
    images = make_images(("rgb", "event"), batch=2)
    labels = torch.randint(0, 5, (2, 64, 64))
    assert model(images).auxiliary == {}
    model.head.norm.momentum = 0.0  # evaluation then sees the same statistics
    output = model.train()(images)
    assert output.auxiliary["base"].shape == (4, 5, 16, 16)
    terms = model.losses(output, labels)
    assert set(terms) == {"sup", "base"}
    doubled = make_model(
        "any2seg", fusion_level=level, base_weight=1.0, dropout=0.0, drop_path=0.0
    ).train()
    twice = doubled.losses(doubled(images), labels)
    torch.testing.assert_close(2 * terms["base"], twice["base"])
    torch.testing.assert_close(terms["sup"], twice["sup"])


def test_base_supervision_can_be_switched_off(make_model, make_images):
    output = make_model("any2seg", base_weight=0.0).train()(make_images(("rgb", "event"), batch=2))
    assert output.auxiliary == {}


def test_each_switch_changes_the_result(make_model, make_images):
    images = make_images(("rgb", "depth", "event"))
    with torch.no_grad():
        results = [
            make_model("any2seg", **options)(images).logits
            for options in (
                {},
                {"reweight": False},
                {"selection": False},
                {"residual": False},
                {"iterations": 3},
                {"fusion_level": "last"},
                {"fusion_level": "every"},
            )
        ]
    for i, one in enumerate(results):
        assert not any(torch.allclose(one, other, atol=1e-5) for other in results[:i])
