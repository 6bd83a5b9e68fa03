"""LSCD against numpy oracles written from Eqs. 1 to 6 of Any2Seg."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from anyseg_core.distillation import LscdOptions, TeacherBatch, lscd_losses, seeded_teacher
from anyseg_core.distillation.losses import class_features, inter_modal_loss, intra_modal_loss
from anyseg_core.errors import ConfigurationError
from anyseg_core.models import SegmentationOutput, build_model

NAMES = ("rgb", "depth", "event")


def cosine(a, b):
    return a.ravel() @ b.ravel() / (np.linalg.norm(a) * np.linalg.norm(b))


def softmax(values):
    powers = np.exp(values)
    return powers / powers.sum()


def kl(p, q):
    return float((p * np.log(p / q)).sum())


@pytest.fixture
def teacher():
    rng = np.random.default_rng(0)

    def random(*shape):
        return torch.from_numpy(rng.standard_normal(shape).astype(np.float32))

    return TeacherBatch(random(4, 16), random(2, 16), {name: random(2, 16) for name in NAMES})


@pytest.fixture
def features():
    generator = torch.Generator().manual_seed(0)
    return {name: torch.randn(2, 3, 4, 5, generator=generator) for name in NAMES}


@pytest.fixture
def fused():
    return torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def labels():
    labels = torch.randint(0, 3, (2, 15, 18), generator=torch.Generator().manual_seed(2))
    labels[:, :2] = 255
    return labels  # class 3 is absent


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("temperature", [1.0, 0.25])
@pytest.mark.parametrize("names", [NAMES, ("depth", "event"), ("rgb",)])
def test_inter_modal_loss_is_equations_1_to_3(
    reverse, temperature, names, features, fused, teacher
):
    wanted = []
    for sample in range(2):
        ours = [cosine(features[n][sample].numpy(), fused[sample].numpy()) for n in names]  # Eq. 2
        scene = teacher.scene_text[sample].numpy()
        theirs = [cosine(teacher.visual[n][sample].numpy(), scene) for n in names]  # Eq. 1
        p, q = (softmax(np.array(x) / temperature) for x in (theirs, ours))
        wanted.append(kl(q, p) if reverse else kl(p, q))  # Eq. 3
    loss = inter_modal_loss(
        {name: features[name] for name in names},
        fused,
        teacher,
        LscdOptions(temperature=temperature, reverse=reverse),
    )
    assert loss.item() == pytest.approx(np.mean(wanted), rel=1e-4, abs=1e-7)


def test_class_features_are_averages_over_the_upsampled_map(fused, labels):
    means, present = class_features(fused, labels, 4)
    large = torch.nn.functional.interpolate(fused, size=(15, 18), mode="bilinear")
    for k in range(3):
        pixels = [large[b, :, y, x] for b, y, x in (labels == k).nonzero().tolist()]
        torch.testing.assert_close(means[k], torch.stack(pixels).mean(0))
    assert present.tolist() == [True, True, True, False]
    assert means[3].abs().sum() == 0


@pytest.mark.parametrize("reverse", [False, True])
def test_intra_modal_loss_is_equation_5_over_the_classes_present(reverse, fused, labels, teacher):
    means, present = class_features(fused, labels, 4)
    loss = intra_modal_loss(means, present, teacher, LscdOptions(temperature=0.5, reverse=reverse))
    rows = []
    for k in range(3):
        ours = [cosine(means[k].numpy(), means[j].numpy()) for j in range(3)]
        text = teacher.class_text.numpy()
        theirs = [cosine(text[k], text[j]) for j in range(3)]
        p, q = (softmax(np.array(x) / 0.5) for x in (theirs, ours))
        rows.append(kl(q, p) if reverse else kl(p, q))
    assert loss.item() == pytest.approx(np.mean(rows), rel=1e-4)


def test_the_objective_is_equations_7_and_8(teacher):
    names = ("rgb", "lidar")
    torch.manual_seed(4)
    model = build_model("any2seg", encoder="mit_b0", num_classes=4, modalities=names).train()
    images = {name: torch.randn(2, 3, 64, 64) for name in names}
    labels = torch.randint(0, 3, (2, 64, 64))
    labels[0, :9] = 255
    paired = TeacherBatch(
        teacher.class_text,
        teacher.scene_text,
        {"rgb": teacher.visual["rgb"], "lidar": teacher.visual["depth"]},
    )
    output = model(images)
    supervised = model.losses(output, labels)
    distilled = lscd_losses(output, labels, paired)

    logits = output.logits.detach().double().numpy()
    powers = np.exp(logits - logits.max(1, keepdims=True))
    shares = powers / powers.sum(1, keepdims=True)
    wanted = [
        -np.log(shares[b, labels[b, y, x], y, x]) for b, y, x in (labels != 255).nonzero().tolist()
    ]
    assert supervised["sup"].item() == pytest.approx(np.mean(wanted), rel=1e-5)  # Eq. 7
    eq8 = np.mean(wanted) + distilled["inter"].item() + distilled["intra"].item()
    beside = sum(value.item() for name, value in supervised.items() if name != "sup")
    terms = supervised | distilled
    assert sum(value.item() for value in terms.values()) - beside == pytest.approx(eq8, rel=1e-5)


def output_of(features, fused):
    return SegmentationOutput(torch.zeros(2, 4, 15, 18), {}, features, (fused,), {})


def test_the_terms_are_weighted(features, fused, labels, teacher):
    output = output_of(features, fused)
    plain = lscd_losses(output, labels, teacher)
    weighted = lscd_losses(output, labels, teacher, LscdOptions(inter_weight=3.0, intra_weight=0.5))
    assert set(plain) == {"inter", "intra"}
    torch.testing.assert_close(weighted["inter"], 3.0 * plain["inter"])
    torch.testing.assert_close(weighted["intra"], 0.5 * plain["intra"])


def test_a_student_that_agrees_with_its_teacher_has_no_loss(features, fused, labels):
    classes, _ = class_features(fused, labels, 4)
    classes[3] = 1.0
    agreeing = TeacherBatch(
        classes, fused.flatten(1), {name: x.flatten(1) for name, x in features.items()}
    )
    for term in lscd_losses(output_of(features, fused), labels, agreeing).values():
        assert term.item() == pytest.approx(0.0, abs=1e-6)


def test_a_batch_without_any_labelled_pixel_has_no_intra_modal_loss(features, fused, teacher):
    labels = torch.full((2, 15, 18), 255)
    assert lscd_losses(output_of(features, fused), labels, teacher)["intra"].item() == 0.0


def test_a_teacher_of_class_names_alone_gives_the_intra_modal_loss_alone(features, fused, labels):
    names = tuple("abcd")
    batch = seeded_teacher(names, (), ()).batch(("any", "name"))
    assert set(lscd_losses(output_of(features, fused), labels, batch)) == {"intra"}


def test_what_cannot_be_distilled_is_refused(features, fused, labels, teacher):
    with pytest.raises(ConfigurationError, match="train Any2Seg"):
        lscd_losses(output_of(features, fused)._replace(state=()), labels, teacher)
    del teacher.visual["depth"]
    with pytest.raises(ConfigurationError, match="a teacher without depth"):
        lscd_losses(output_of(features, fused), labels, teacher)
    with pytest.raises(ConfigurationError, match="above 0"):
        LscdOptions(temperature=0.0)


def test_distilling_any2seg_lowers_both_terms():
    torch.manual_seed(0)
    modalities = ("rgb", "lidar")
    model = build_model("any2seg", "mit_b0", 4, modalities, drop_path=0.0, dropout=0.0).train()
    teacher = seeded_teacher(tuple("abcd"), modalities, ("one", "two"), seed=1)
    batch = teacher.batch(("two", "one"))
    images = {name: torch.randn(2, 3, 64, 64) for name in modalities}
    labels = torch.randint(0, 4, (2, 64, 64))
    labels[:, :32] = labels[:, :1, :1]
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    history = []
    for _ in range(5):
        terms = lscd_losses(model(images), labels, batch, LscdOptions(temperature=0.1))
        optimizer.zero_grad()
        sum(terms.values()).backward()
        optimizer.step()
        history.append({name: term.item() for name, term in terms.items()})
    assert sum(history[-1].values()) < sum(history[0].values())
    assert model.encoder.stages[0].embed.weight.grad.abs().sum() > 0
