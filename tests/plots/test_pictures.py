"""The pictures show the numbers that they are given."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from matplotlib.figure import Figure

from peerspec.plots import DARK, LayerUsage, save, usage_grid, usage_histogram, usage_over_steps
from peerspec.plots.grid import MAX_CELLS
from peerspec.plots.histogram import MAX_BARS
from peerspec.reference import InputError, expert_usage, unevenness

RNG = np.random.default_rng(0)
COUNTS = {
    "none": np.zeros(16, int),
    "one expert": np.array([7] + [0] * 15),
    "all once": np.ones(16, int),
    "few": np.array([0, 1, 2, 3, 4, 5, 6, 7, 8]),
    "even": RNG.poisson(300, 1024),
    "uneven": np.floor(RNG.pareto(0.7, 4096)).astype(int),
    "unsigned": RNG.poisson(2, 100).astype(np.uint32),
    "huge": np.array([1, 2**20, 2**40, 2**53]),
}


def layer_of(counts: np.ndarray, history: np.ndarray | None = None) -> LayerUsage:
    return LayerUsage(counts, counts * 0.25, history)


def bars_of(figure: Figure) -> list[tuple[float, int]]:
    """Left side and height of each bar, the bar of those never selected first."""
    (axes,) = figure.axes
    return sorted((bar.get_x(), int(bar.get_height())) for bar in axes.patches)


@pytest.mark.parametrize("name", COUNTS)
def test_each_expert_stands_in_the_bar_of_its_count(name):
    counts = COUNTS[name]
    figure = usage_histogram(layer_of(counts))
    (_, never), *bars = bars_of(figure)
    assert never == (counts == 0).sum()
    assert len(bars) <= MAX_BARS + 1
    edges = [int(low) for low in _edges(figure)]
    expected = [((counts >= low) & (counts < high)).sum() for low, high in pairwise(edges)]
    assert sum(height for _, height in bars) == (counts > 0).sum()
    if edges:
        assert [height for _, height in bars] == expected


def _edges(figure: Figure) -> list[float]:
    """The bounds of the bars where the axis writes them without rounding."""
    texts = [text.get_text() for text in figure.axes[0].get_xticklabels()[1:]]
    return [float(text) for text in texts] if all(text.isdigit() for text in texts) else []


def test_the_axis_is_logarithmic_only_where_a_bar_would_be_invisible():
    steep = np.array([1] * 1000 + [500] * 2 + [0] * 22)
    assert usage_histogram(layer_of(steep)).axes[0].get_yscale() == "log"
    assert usage_histogram(layer_of(COUNTS["few"])).axes[0].get_yscale() == "linear"


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("none", "100 % of the 16 experts were never selected"),
        ("one expert", "93.8 % of the 16 experts were never selected"),
        ("all once", "All 16 experts were selected"),
    ],
)
def test_the_title_names_the_unused_share(name, title):
    assert usage_histogram(layer_of(COUNTS[name])).get_suptitle() == title


def test_the_lines_are_the_rows_of_the_history():
    rows = np.array([[0, 0.25, 2.0], [50, 0.5, 1.0], [100, 0.75, np.nan]])
    above, below = usage_over_steps(layer_of(COUNTS["few"], rows)).axes
    assert np.array_equal(above.lines[0].get_xydata(), rows[:, :2])
    assert np.array_equal(below.lines[0].get_xydata(), rows[:, [0, 2]], equal_nan=True)
    nowhere = np.array([[0, 0.0, np.nan]])
    save_as_png(usage_over_steps(layer_of(COUNTS["none"], nowhere)))


@pytest.mark.parametrize("history", [None, np.zeros((0, 3))])
def test_without_rows_there_are_no_lines(history):
    with pytest.raises(InputError, match="there is no history to draw"):
        usage_over_steps(layer_of(COUNTS["few"], history))


def test_row_and_column_of_the_grid_are_the_sub_keys_of_an_expert():
    counts = np.arange(9)
    axes = usage_grid(layer_of(counts)).axes[0]
    shown = axes.images[0].get_array()
    assert shown[0, 0] is np.ma.masked or np.isnan(shown[0, 0])  # never selected
    assert [shown[i, j] for i, j in ((0, 1), (1, 0), (2, 2))] == [1, 3, 8]
    assert axes.images[0].get_extent() == [-0.5, 2.5, 2.5, -0.5]


def test_cells_of_a_large_grid_are_means_of_squares():
    n = MAX_CELLS + 44  # the last squares are whole, for n is even
    counts = RNG.poisson(3, n * n)
    shown = usage_grid(layer_of(counts)).axes[0].images[0].get_array()
    assert shown.shape == (n // 2, n // 2)
    square = counts.reshape(n, n)[10:12, 20:22]
    assert shown[5, 10] == square.mean()


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("draw", [usage_histogram, usage_grid])
def test_every_picture_renders_without_a_warning(name, draw):
    save_as_png(draw(layer_of(COUNTS[name]), theme=DARK))


def save_as_png(figure: Figure) -> None:
    figure.canvas.draw()


def test_files_are_pictures_and_do_not_change(tmp_path):
    for ending, start in (("svg", b"<?xml"), ("png", b"\x89PNG")):
        files = [tmp_path / f"{number}.{ending}" for number in range(2)]
        for file in files:
            save(usage_grid(layer_of(COUNTS["few"])), file)
        assert files[0].read_bytes() == files[1].read_bytes()
        assert files[0].read_bytes().startswith(start)


def test_a_file_that_exists_or_has_another_ending_is_refused(tmp_path):
    path = tmp_path / "usage.svg"
    path.write_text("mine")
    figure = usage_histogram(layer_of(COUNTS["few"]))
    with pytest.raises(FileExistsError):
        save(figure, path)
    assert path.read_text() == "mine"
    save(figure, path, overwrite=True)
    with pytest.raises(InputError, match=r"ends with \.svg or \.png, got 'usage\.pdf'"):
        save(figure, tmp_path / "usage.pdf")
    assert [file.name for file in tmp_path.iterdir()] == ["usage.svg"]


def test_the_figures_of_a_layer_are_those_of_the_reference():
    ids, gates = RNG.integers(0, 16, (9, 2, 3)), RNG.random((9, 2, 3))
    counts, sums = np.bincount(ids.ravel(), minlength=16), np.bincount(ids.ravel(), gates.ravel(), 16)
    layer = LayerUsage(counts, sums)
    assert (layer.usage, layer.unevenness) == (expert_usage(ids, 16), unevenness(ids, gates, 16))
    assert layer.top_share == counts.max() / 54
    assert np.isnan(layer_of(COUNTS["none"]).top_share)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ((np.ones(8, int), np.ones(8)), r"each of N = n² experts, got the shape \(8,\)"),
        ((np.ones((2, 2), int), np.ones((2, 2))), r"got the shape \(2, 2\)"),
        ((np.ones(0, int), np.ones(0)), r"got the shape \(0,\)"),
        ((np.ones(4), np.ones(4)), "counts must be integers from 0 on, got float64"),
        ((np.array([0, -1, 0, 0]), np.ones(4)), "got int64 from -1 on"),
        ((np.ones(4, int), np.ones(9)), r"must have the shape \(4,\) of the counts, got \(9,\)"),
        ((np.ones(4, int), np.ones(4), np.ones(3)), r"rows of step, usage and unevenness, got the shape \(3,\)"),
    ],
)
def test_arrays_that_are_no_usage_are_refused_in_one_sentence(arrays, message):
    with pytest.raises(InputError, match=message) as caught:
        LayerUsage(*arrays)
    assert "\n" not in str(caught.value)
