from __future__ import annotations

import numpy as np
import pytest

from mixtura.view.palette import DASHES, HUES, colours, dash, hexadecimal, ink, marker, mixed


def lightness(colour: np.ndarray) -> np.ndarray:
    """Return the relative luminance (n,) of colours (n, 3)."""
    linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def test_fifty_components_have_colours_of_their_own() -> None:
    found = colours(50)
    assert ((found >= 0.0) & (found <= 1.0)).all()
    assert len({hexadecimal(colour) for colour in found}) == 50


def test_neighbours_differ_in_greyscale() -> None:
    assert np.abs(np.diff(lightness(colours(8)))).min() > 0.03


def test_colours_show_on_white() -> None:
    assert lightness(colours(8)).max() < 0.5


@pytest.mark.parametrize("component", [0, 7, 8, 31, 32])
def test_rounds_of_hues_differ_in_dash(component: int) -> None:
    assert dash(component) == DASHES[component // len(HUES) % len(DASHES)]
    assert marker(component) == marker(component + 8)


def test_sure_rows_have_the_colour_of_their_component() -> None:
    np.testing.assert_allclose(mixed(np.eye(3)), colours(3), atol=1e-12)


def test_colours_are_mixed_in_linear_light() -> None:
    own = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    np.testing.assert_allclose(mixed(np.array([[0.5, 0.5]]), own), [[0.5**0.5, 0.0, 0.5**0.5]])


def test_hexadecimal() -> None:
    assert hexadecimal(np.array([0.0, 1.0, 0.5])) == "#00ff80"


def test_text_can_be_read_on_light_and_dark() -> None:
    assert [ink(np.full(3, grey)) for grey in (0.0, 0.5, 0.6, 1.0)] == ["white"] * 2 + ["black"] * 2
    assert (ink(HUES[0]), ink(HUES[1])) == ("white", "black")
