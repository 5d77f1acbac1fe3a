"""The flow: its density against a grid, the change of variables, a known distribution, and what is refused."""

import subprocess
import sys

import pytest
import torch

from noiseless.densities import build, load, save
from noiseless.densities.trained import Standardised
from noiseless.errors import InputError

torch.set_num_threads(1)
SMALL = "flow:transforms=2,hidden=32,steps=400"
TINY = "flow:transforms=2,hidden=8,steps=20"


def draws(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def banana(n: int, seed: int) -> torch.Tensor:
    r""":math:`(a, a^2 + b / 2)` with normal a, b; its entropy is that of (a, b) less log 2."""
    a, b = torch.randn(2, n, generator=draws(seed))
    return torch.stack([a, a.square() + b / 2], dim=1)


def test_a_curved_law_is_recovered():
    """The mean log-density of fresh data is minus the entropy, -2.145, less the divergence (standard error 0.02)."""
    flow, gaussian = (build(name, 2).fit(banana(4000, 0), draws(1)) for name in (SMALL, "gaussian"))
    fresh = banana(4000, 2)
    entropy = torch.tensor(2 * torch.pi).log().item() + 1 - torch.tensor(2.0).log().item()
    assert -entropy - 0.15 < flow.log_prob(fresh).mean().item() < -entropy + 0.06
    assert gaussian.log_prob(fresh).mean().item() < -entropy - 0.8
    z = flow.sample(4000, draws(3))
    assert (z[:, 1] - z[:, 0].square()).std().item() == pytest.approx(0.5, abs=0.15)


def test_density_of_a_curved_law_integrates_to_one_and_is_that_of_the_draws():
    flow = build(SMALL, 2).fit(banana(2000, 0), draws(1))
    x, y = torch.linspace(-7, 7, 281).double(), torch.linspace(-10, 30, 401).double()
    mass = flow.log_prob(torch.cartesian_prod(x, y)).exp().reshape(len(x), len(y)) * (x[1] - x[0]) * (y[1] - y[0])
    assert mass.sum().item() == pytest.approx(1, abs=2e-3)
    share = (flow.sample(20_000, draws(2))[:, 1] > 1.025).double().mean().item()  # between two lines of the grid
    assert share == pytest.approx(mass[:, y > 1.025].sum().item(), abs=0.02)


def test_standardisation_changes_the_density_by_its_slope():
    """A fit to codes times 8 plus 4, exact in floating point, is the same fit; the density falls by the volume."""
    z = banana(300, 0)
    one, other = (build(TINY, 2).fit(codes, draws(1)) for codes in (z, 8 * z.double() + 4))
    difference = one.log_prob(z) - other.log_prob(8 * z.double() + 4)
    torch.testing.assert_close(difference, torch.full_like(difference, 2 * torch.tensor(8.0).log().item()))


def test_standardised_codes_have_moments_zero_and_one_and_come_back():
    z = torch.tensor([1e-3, 50.0, 0.0]).double() * torch.randn(200, 3, generator=draws(0)).double() + 0.1
    standardised = Standardised(3)
    u = standardised.fit(z)
    assert torch.allclose(u.mean(dim=0), torch.zeros(3).double(), atol=1e-12)
    assert torch.allclose(u.std(dim=0), torch.tensor([1.0, 1.0, 0.0]).double(), atol=1e-12)
    assert torch.allclose(standardised.inverse(u), z, rtol=0, atol=1e-12)
    jacobian = torch.autograd.functional.jacobian(lambda row: standardised(row[None])[0], z[0])
    assert jacobian.diagonal().tolist() == pytest.approx([1 / s for s in z.std(dim=0)[:2].tolist()] + [0.0])


def test_one_dimension_has_splines_without_coupling():
    z = torch.cat([torch.randn(1000, 1, generator=draws(0)) * 0.2 + side for side in (-1, 1)])
    flow = build(SMALL, 1).fit(z, draws(1))
    grid = torch.linspace(-6, 6, 2401).double()
    density = flow.log_prob(grid[:, None]).exp()
    assert (density.sum() * (grid[1] - grid[0])).item() == pytest.approx(1, abs=5e-3)  # rounding in float32
    assert density[grid.abs() < 0.1].max() < 0.3 * density.max()


def test_a_dimension_that_never_moves_has_no_density_but_draws():
    z = torch.cat([banana(100, 0), torch.full((100, 1), 0.1)], dim=1)
    flow = build(TINY, 3).fit(z, draws(1))
    assert torch.allclose(flow.sample(20, draws(2))[:, 2], torch.tensor(0.1))
    with pytest.raises(InputError, match="no log-density: 1 of 3 dimensions of the codes are constant"):
        flow.log_prob(z)


def test_the_fit_is_a_function_of_codes_and_generator_alone(tmp_path):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = build(TINY, 2).fit(banana(100, 0), draws(3))
    assert torch.equal(torch.get_rng_state(), before)
    save(first, tmp_path / "d", name=TINY, codes="mean")
    back = load(tmp_path / "d")
    assert torch.equal(back.sample(50, draws(5)), first.sample(50, draws(5)))
    assert torch.equal(back.log_prob(banana(9, 1)), first.log_prob(banana(9, 1)))


def test_without_zuko_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "zuko", None)
    with pytest.raises(InputError, match=r"needs zuko; pip install 'noiseless\[flow\]'"):
        build("flow", 2)
    with pytest.raises(InputError, match="'transforms' of density 'flow' is 0"):
        build("flow:0", 2)


def test_listing_densities_does_not_import_zuko():
    check = (
        "import sys; from noiseless.densities import names; assert 'flow' in names(); sys.exit('zuko' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_a_flow_that_falls_short_of_a_gaussian_says_so() -> None:
    z = torch.randn(500, 1, generator=torch.Generator().manual_seed(0))
    flow, gaussian = (build(name, 1).fit(z, torch.Generator().manual_seed(1)) for name in ("flow:steps=20", "gaussian"))
    short = float((gaussian.log_prob(z) - flow.log_prob(z)).mean())
    assert short > 0
    assert f"a Gaussian fits these codes better, by {short:.2g}"[:-1] in flow.note
    curved = torch.stack([z[:, 0], z[:, 0] ** 2], dim=1)
    assert "Gaussian" not in build("flow:steps=600", 2).fit(curved, torch.Generator().manual_seed(1)).note
