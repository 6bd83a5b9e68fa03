from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from anyseg_core.models.windows import WindowGrid

SIDES = st.integers(1, 11)


@settings(max_examples=60, deadline=None)
@given(height=SIDES, width=SIDES, window=st.integers(2, 5), shifted=st.booleans())
def test_merging_undoes_partitioning(height, width, window, shifted):
    grid = WindowGrid.of((height, width), window, shifted=shifted)
    maps = torch.randn(2, height, width, 3)
    assert torch.equal(grid.merge(grid.partition(maps)), maps)


@settings(max_examples=60, deadline=None)
@given(height=SIDES, width=SIDES, window=st.integers(2, 5), shifted=st.booleans())
def test_two_places_meet_exactly_where_they_share_a_shifted_window(height, width, window, shifted):
    grid = WindowGrid.of((height, width), window, shifted=shifted)
    shift = window // 2 if shifted else 0
    places = torch.arange(1, height * width + 1).reshape(1, height, width, 1)
    cut = grid.partition(places)[0, :, :, 0]
    mask = grid.mask(torch.device("cpu"))
    met = set()
    for number, places_in_window in enumerate(cut.tolist()):
        for q, query in enumerate(places_in_window):
            for k, key in enumerate(places_in_window):
                if query and key and (mask is None or mask[number, q, k]):
                    met.add((query - 1, key - 1))
                elif mask is not None and bool(query) != bool(key):
                    assert not mask[number, q, k]  # no place of the map sees the padding

    def window_of(place):
        row, column = divmod(place, width)
        down = (row - shift) // window if height > window else 0
        right = (column - shift) // window if width > window else 0
        return down, right

    every = range(height * width)
    assert met == {(a, b) for a in every for b in every if window_of(a) == window_of(b)}


@pytest.mark.parametrize(("size", "shifted"), [((8, 4), False), ((4, 4), True)])
def test_whole_windows_without_a_shift_need_no_mask(size, shifted):
    assert WindowGrid.of(size, 4, shifted=shifted).mask(torch.device("cpu")) is None


@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("size", [(8, 12), (5, 9), (3, 3)])
def test_places_say_which_cell_stands_where_and_back(size, shifted):
    grid = WindowGrid.of(size, 4, shifted=shifted)
    maps = torch.arange(1.0, size[0] * size[1] + 1).view(1, *size, 1)
    windows = grid.partition(maps).flatten()
    places = grid.places(maps.device)
    real = windows > 0  # the rest is padding
    assert torch.equal(maps.flatten()[places][real], windows[real])
    assert torch.equal(windows[grid.places_back(maps.device)], maps.flatten())
    assert len(places) == grid.number * 16
