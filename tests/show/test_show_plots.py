"""Pictures: their size and pixels; what bad input gets."""

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image
from sklearn.datasets import load_digits

from noiseless.errors import InputError
from noiseless.show import grids, plots

torch.set_num_threads(1)


def digits(n: int) -> torch.Tensor:
    return torch.from_numpy(load_digits().images[:n] / 16).float().unsqueeze(1)


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image)


def test_curves_call_the_main_phase_train(tmp_path, monkeypatch):
    figures: list[Figure] = []
    monkeypatch.setattr(plots, "written", lambda figure, path: figures.append(figure) or path)
    rows = [
        {"step": k, "autoencoder/loss": 1.0 * k, "critic/loss": 2.0 * k, "validation/loss": 3.0 * k} for k in (1, 2)
    ]
    plots.curves(rows, tmp_path / "curves.png")
    lines = {line.get_label(): list(line.get_ydata()) for line in figures[0].axes[0].lines}
    assert lines == {"train": [1, 2], "validation": [3, 6], "critic": [2, 4]}


def test_values_are_rounded_and_clamped():
    values = torch.tensor([-0.1, 0.0, 0.5, 127.6 / 255, 0.999, 1.0, 1.7]).reshape(1, 1, 1, 7)
    assert grids.to_bytes(values)[0, 0, :, 0].tolist() == [0, 0, 128, 128, 255, 255, 255]


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_channels(channels):
    """Three are RGB; of any other number the mean is shown."""
    levels = torch.linspace(0, 1, channels).reshape(1, channels, 1, 1).expand(1, channels, 2, 2)
    expected = {1: [0] * 3, 2: [128] * 3, 3: [0, 128, 255], 5: [128] * 3}[channels]
    assert grids.to_bytes(levels)[0, 1, 1].tolist() == expected


def test_grid_pastes_pixels_and_enlarges_by_the_nearest_neighbour(tmp_path):
    x = digits(5)
    path = grids.grid(x, tmp_path / "new" / "grid.png", columns=3, scale=4)
    assert path == tmp_path / "new" / "grid.png"
    image = pixels(path)
    side, gap, margin = 32, 2, grids.MARGIN
    assert image.shape == (2 * margin + 2 * side + gap, 2 * margin + 3 * side + 2 * gap, 3)
    second = image[margin : margin + side, margin + side + gap :][:, :side]
    assert np.array_equal(second[::4, ::4], grids.to_bytes(x)[1].numpy())
    assert np.array_equal(second[3::4, 2::4], second[::4, ::4])
    assert (image[-margin - side :, margin + 2 * (side + gap) :] == 255).all()


@pytest.mark.parametrize(("side", "shown"), [(8, 64), (28, 56), (64, 64), (100, 100)])
def test_small_images_are_made_legible(side, shown, tmp_path):
    image = pixels(grids.grid(torch.zeros(1, 3, side, side), tmp_path / "grid.png"))
    assert image.shape[:2] == (shown + 2 * grids.MARGIN, shown + 2 * grids.MARGIN)


def test_reconstructions_stand_under_their_originals(tmp_path):
    x = digits(5)
    image = pixels(grids.reconstructions(x, 1 - x, tmp_path / "pairs.png", columns=3))
    side, gap, margin = 64, 4, grids.MARGIN
    assert image.shape[0] == 4 * (side + gap) - gap + 3 * margin
    above = image[margin : margin + side, -margin - side : -margin]
    below = image[margin + side + gap :][:side, -margin - side : -margin]
    assert np.array_equal(above[::8, ::8], grids.to_bytes(x)[2].numpy())
    assert np.array_equal(below[::8, ::8], grids.to_bytes(1 - x)[2].numpy())


def test_interpolations_and_comparison_label_their_rows(tmp_path):
    x = digits(6)
    bare = pixels(grids.interpolations(x.unflatten(0, (2, 3)), tmp_path / "bare.png"))
    rows = pixels(grids.interpolations(x.unflatten(0, (2, 3)), tmp_path / "rows.png", ["linear", "spherical"]))
    named = pixels(grids.comparison({"linear": x[:3], "spherical": x[3:]}, tmp_path / "named.png"))
    assert np.array_equal(rows, named)
    assert rows.shape[1] > bare.shape[1]
    assert (rows[:, : rows.shape[1] - bare.shape[1]] < 128).any()
    assert np.array_equal(rows[:, grids.MARGIN - bare.shape[1] :], bare[:, grids.MARGIN :])


def test_comparison_mixes_grey_and_colour_and_stops_at_the_shortest(tmp_path):
    path = grids.comparison({"a": digits(9), "b": torch.rand(4, 3, 8, 8)}, tmp_path / "c.png", title="samples")
    assert pixels(path).shape[1] < 5 * 68 + 2 * grids.MARGIN


def test_curves(tmp_path):
    """One panel a term: three terms stand in one row, four in two."""
    log = [{"step": s, "samples_per_s": 9.0, "train/loss": math.exp(-s), "train/a": -1.0 * s} for s in range(50)]
    log += [{"step": 49, "validation/loss": 0.5, "validation/b": None, "train/c": float("nan"), "train/d": 0.0}]
    one = pixels(plots.curves(log, tmp_path / "one.png"))
    two = pixels(plots.curves([*log, {"step": 50, "validation/phase/e": 1.0}], tmp_path / "two.png"))
    assert two.shape[0] == 2 * one.shape[0]


def test_curves_keep_the_later_of_two_rows_of_a_step():
    lines = plots._lines([{"step": 2, "train/a": 1.0}, {"step": 1, "train/a": 2.0}, {"step": 2, "train/a": 3.0}])
    assert list(lines["train", "a"].items()) == [(1, 2.0), (2, 3.0)]


@pytest.mark.parametrize("dim", [1, 2, 9])
def test_vectors(dim, tmp_path):
    z = torch.randn(60, dim, generator=torch.Generator().manual_seed(0))
    image = pixels(plots.vectors(z, {"a": z[:20] + 1, "b": z[:20] - 1}, tmp_path / "plane.png")).astype(int)
    blue = image[..., 2] - image[..., 0] > 40
    real, *made = np.array_split(blue, 3, axis=1)
    assert not real.any()
    assert all(panel.sum() > 50 for panel in made)


@pytest.mark.parametrize(("dim", "across"), [(1, 2), (2, 2), (9, 2), (40, 2)])
def test_codes_beside_a_normal_law(dim, across, tmp_path):
    """Three panels and up to three histograms, in rows of three; a constant one or equal codes are no obstacle."""
    z = torch.randn(60, dim, generator=torch.Generator().manual_seed(0))
    curve = pixels(plots.curves([{"step": 1, "train/a": 1.0}], tmp_path / "one.png"))
    assert pixels(plots.latent(z, tmp_path / "z.png")).shape[0] == across * curve.shape[0]
    z[:, -1] = 2.5
    plots.latent(z, tmp_path / "constant.png")
    plots.latent(z[:1].expand(5, dim), tmp_path / "equal.png")


def test_pictures_are_the_same_twice(tmp_path):
    for name in ("a.png", "b.png"):
        grids.grid(digits(4), tmp_path / name, title="again")
        plots.curves([{"step": 1, "train/loss": 1.0}], tmp_path / f"curves-{name}")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "curves-a.png").read_bytes() == (tmp_path / "curves-b.png").read_bytes()


def test_bad_input_is_refused_and_nothing_is_written(tmp_path):
    x, path = digits(3), tmp_path / "f.png"
    broken = x.clone()
    broken[1, 0, 2, 3] = float("nan")
    refusals = [
        ("no images", lambda: grids.grid(x[:0], path)),
        ("1 of 3 images have values that are not finite", lambda: grids.grid(broken, path)),
        (r"must end in \.png", lambda: grids.grid(x, tmp_path / "f.jpg")),
        ("do not match originals", lambda: grids.reconstructions(x, x[:2], path)),
        ("as many labels, not 1", lambda: grids.interpolations(x.unflatten(0, (3, 1)), path, ["a"])),
        ("of one size", lambda: grids.comparison({"a": x, "b": torch.zeros(3, 1, 9, 9)}, path)),
        ("of one size", lambda: grids.comparison({}, path)),
        ("no loss terms", lambda: plots.curves([{"step": 1, "samples_per_s": 3.0}], path)),
        ("at least 2 real", lambda: plots.vectors(x[:1, 0, 0], {"generated": x[:, 0, 0]}, path)),
        ("at least 2 of them, not 1", lambda: plots.latent(x[:1, 0, 0], path)),
        ("1 of 3 codes", lambda: plots.latent(broken[:, 0, 2], path)),
        ("1 of 3 generated vectors", lambda: plots.vectors(x[:, 0, 2], {"generated": broken[:, 0, 2]}, path)),
    ]
    for message, draw in refusals:
        with pytest.raises(InputError, match=message):
            draw()
    assert list(tmp_path.iterdir()) == []


def test_active_dimensions_are_counted_in_whole_numbers_up_to_all(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Figure] = []
    monkeypatch.setattr(plots, "written", lambda figure, path: drawn.append(figure) or path)
    for d in (1, 2, 8):
        rows = [{"step": k, "mask": [0.9] * d, "validation/active": d} for k in range(3)]
        plots.masks(rows, Path("mask.png"))
        right = drawn[-1].axes[1]
        assert right.get_ylim()[0] == 0
        assert d <= right.get_ylim()[1] < d + 1
        assert all(tick == round(tick) for tick in right.get_yticks())


RC = """axes.facecolor: red
savefig.dpi: 300
text.usetex: True
axes.prop_cycle: cycler('color', [(open('ran', 'w').close(), 'r')[1]])
"""
DRAWING = "import sys; from noiseless.show import plots; plots.curves([{'step': 1, 'train/loss': 1.0}], sys.argv[1])"


def test_settings_in_the_working_folder_are_ignored(tmp_path):
    """Neither run as code, nor used: the picture is the same, byte for byte."""
    for name, content in (("plain", ""), ("set", RC)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "matplotlibrc").write_text(content)
        subprocess.run([sys.executable, "-c", DRAWING, "curves.png"], cwd=folder, check=True, capture_output=True)
        assert not (folder / "ran").exists()
    assert (tmp_path / "set" / "curves.png").read_bytes() == (tmp_path / "plain" / "curves.png").read_bytes()
