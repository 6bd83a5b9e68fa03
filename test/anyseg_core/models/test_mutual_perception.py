"""The MPU against a numpy oracle: Eq. 3 of CHARM, as full attention with a mask."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from anyseg_core.models.mutual_perception import CrossModalAttention, MutualPerceptionBlock

HEADS, CHANNELS, WINDOW = 2, 6, 4
NAMES = ("rgb", "depth", "lidar")


def softmax(scores):
    powers = np.exp(scores - scores.max())
    return powers / powers.sum()


def oracle(attention, semantic, contexts, window, shift, choice=None):
    """One sample, place by place: semantic [h, w, C], contexts {name: [h, w, C]}.

    ``choice`` [h, w] names by index the only modality that counts at each place.
    """
    weights = {key: value.detach().numpy() for key, value in attention.named_parameters()}
    height, width, channels = semantic.shape
    size = channels // attention.heads
    places = [(row, column) for row in range(height) for column in range(width)]

    def window_of(row, column):
        return (
            (row - shift) // window if height > window else 0,
            (column - shift) // window if width > window else 0,
        )

    out = np.zeros_like(semantic)
    for row, column in places:
        query = weights["query.weight"] @ semantic[row, column]
        seen = [
            (name, r, c)
            for i, name in enumerate(contexts)
            for r, c in places
            if window_of(r, c) == window_of(row, column) and (choice is None or choice[r, c] == i)
        ]
        attended = np.zeros(channels)
        for head in range(attention.heads):
            part = slice(head * size, (head + 1) * size)
            scores, values = [], []
            for name, r, c in seen:
                key_value = weights[f"key_value.{name}.weight"] @ contexts[name][r, c]
                key, value = key_value[:channels][part], key_value[channels:][part]
                # Places inside a window, which starts where a shifted window does.
                down = row - r + window - 1
                right = column - c + window - 1
                bias = weights["position_bias.table"][down * (2 * window - 1) + right, head]
                scores.append(query[part] @ key / np.sqrt(size) + bias)
                values.append(value)
            attended[part] = softmax(np.array(scores)) @ np.array(values)
        out[row, column] = weights["project.weight"] @ attended + weights["project.bias"]
    return out


def stirred(module):
    torch.manual_seed(0)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return module.double().eval()


def contexts_of(part, rows):
    """Keys and values of each modality, stacked: of an attention, or of a block."""
    pairs = [part.context(name, each) for name, each in rows.items()]
    return tuple(torch.stack(each) for each in zip(*pairs, strict=True))


def random_maps(height, width, names, batch=2):
    generator = torch.Generator().manual_seed(1)
    maps = [
        torch.randn(batch, height, width, CHANNELS, generator=generator, dtype=torch.float64)
        for _ in range(len(names) + 1)
    ]
    return maps[0], dict(zip(names, maps[1:], strict=True))


@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize(("height", "width"), [(8, 8), (7, 10), (3, 9)])
@pytest.mark.parametrize("names", [NAMES, ("depth",)])
def test_windows_give_what_masked_full_attention_gives(shifted, height, width, names):
    attention = stirred(CrossModalAttention(CHANNELS, HEADS, NAMES, WINDOW, shifted=shifted))
    semantic, contexts = random_maps(height, width, names)
    with torch.no_grad():
        out = attention(semantic, contexts_of(attention, contexts), None)
    for sample in range(2):
        wanted = oracle(
            attention,
            semantic[sample].numpy(),
            {name: context[sample].numpy() for name, context in contexts.items()},
            WINDOW,
            WINDOW // 2 if shifted else 0,
        )
        np.testing.assert_allclose(out[sample], wanted, rtol=1e-9, atol=1e-9)


def test_a_reassembled_context_takes_each_place_from_one_modality_with_its_own_matrices():
    attention = stirred(CrossModalAttention(CHANNELS, HEADS, NAMES, WINDOW, shifted=True))
    semantic, contexts = random_maps(6, 9, NAMES)
    chosen = torch.randint(3, (2, 6, 9), generator=torch.Generator().manual_seed(2))
    choice = torch.nn.functional.one_hot(chosen, 3).permute(3, 0, 1, 2)
    with torch.no_grad():
        out = attention(semantic, contexts_of(attention, contexts), choice)
    for sample in range(2):
        wanted = oracle(
            attention,
            semantic[sample].numpy(),
            {name: context[sample].numpy() for name, context in contexts.items()},
            WINDOW,
            WINDOW // 2,
            chosen[sample].numpy(),
        )
        np.testing.assert_allclose(out[sample], wanted, rtol=1e-9, atol=1e-9)


def test_the_order_of_contexts_does_not_matter():
    block = stirred(MutualPerceptionBlock(CHANNELS, HEADS, NAMES, WINDOW, shifted=True))
    semantic, contexts = random_maps(5, 6, NAMES)
    with torch.no_grad():
        forwards = block(semantic, contexts_of(block, contexts), None)
        backwards = block(semantic, contexts_of(block, dict(reversed(contexts.items()))), None)
    torch.testing.assert_close(forwards, backwards)


def test_a_block_adds_attention_and_then_its_feed_forward_layer():
    block = stirred(MutualPerceptionBlock(CHANNELS, HEADS, NAMES, WINDOW, shifted=False))
    semantic, contexts = random_maps(4, 4, NAMES)
    with torch.no_grad():
        normed = {name: block.norm_context(context) for name, context in contexts.items()}
        seen = contexts_of(block.attention, normed)
        first = semantic + block.attention(block.norm_query(semantic), seen, None)
        hidden = torch.nn.functional.gelu(block.expand(block.norm_mlp(first)))
        got = block(semantic, contexts_of(block, contexts), None)
        torch.testing.assert_close(got, first + block.contract(hidden))
