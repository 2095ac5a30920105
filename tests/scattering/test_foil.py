"""Foil: three roads to the same waves, two beams by hand, electrons that are not lost, errors that are kept."""

import math

import pytest
import torch

from zoneaxis.errors import InputError
from zoneaxis.scattering.foil import foil_waves, slice_counts

K = 39.88
"""1/Å, at 200 kV."""


def crystal(beams: int = 30, directions: int = 40, absorption: float = 0.1) -> tuple[torch.Tensor, torch.Tensor]:
    """Excitations of a zone axis on a square lattice and a potential that falls off, absorption in proportion."""
    generator = torch.Generator().manual_seed(0)
    points = torch.cartesian_prod(*[torch.arange(-4.0, 5.0)] * 2) * 0.35
    g = points[points.norm(dim=1).argsort(stable=True)][:beams].double()
    k = torch.rand(directions, 2, generator=generator, dtype=torch.float64) - 0.5
    excitation = -(g.square().sum(-1) + 2 * k @ g.T)
    between = (g[:, None] - g[None]).norm(dim=-1)
    coupling = 0.05 * torch.exp(-2.0 * between) * torch.exp(0.3j * (g[:, None, 0] - g[None, :, 0]))
    coupling = coupling * (1 + 1j * absorption) * (between > 0)
    return excitation, coupling


def intensity(waves: torch.Tensor) -> torch.Tensor:
    return waves.abs() ** 2


@pytest.mark.parametrize(("road", "limit"), [("eig", 1e-10), ("chebyshev", 1e-5), ("strang", 1e-3)])
def test_two_beams_by_hand(road, limit):
    """Pendellösung: I_g = sin²(pi t sqrt(s² + 1/xi²)) / (1 + s² xi²) for any thickness and excitation error."""
    u, s = 0.05, torch.linspace(-0.004, 0.004, 21, dtype=torch.float64)
    excitation = torch.stack([torch.zeros_like(s), 2 * K * s], dim=1)
    coupling = torch.tensor([[0, u], [u, 0]], dtype=torch.complex128)
    depths = [50.0, 333.0, 930.0]
    dtype = torch.complex128 if road == "eig" else torch.complex64
    found = intensity(foil_waves(excitation, coupling, K, depths, road=road, dtype=dtype))[..., 1]
    xi = K / u
    wanted = torch.stack([(math.pi * t * (s**2 + xi**-2).sqrt()).sin() ** 2 / (1 + s**2 * xi**2) for t in depths])
    worst = float((found - wanted).abs().max())
    print(f"{road}: {worst:.1e}")
    assert worst < limit


@pytest.mark.parametrize(("road", "limit"), [("chebyshev", 1e-5), ("strang", 1e-3)])
def test_roads_meet(road, limit):
    """Every beam at every thickness as the eigenvalue road has it, with absorption."""
    excitation, coupling = crystal()
    depths = [100.0, 500.0, 930.0]
    reference = intensity(foil_waves(excitation, coupling, K, depths, road="eig", dtype=torch.complex128))
    worst = float((intensity(foil_waves(excitation, coupling, K, depths, road=road)) - reference).abs().max())
    print(f"{road}: largest difference {worst:.1e}")
    assert worst < limit


@pytest.mark.parametrize("error", [1e-2, 1e-3, 1e-4])
def test_asked_error_is_kept(error):
    """The slices found for an error keep it, and are not many times more than needed."""
    excitation, coupling = crystal()
    reference = intensity(foil_waves(excitation, coupling, K, [930.0], road="eig", dtype=torch.complex128))
    found = intensity(foil_waves(excitation, coupling, K, [930.0], error=error, dtype=torch.complex128))
    worst = float((found - reference).abs().max())
    print(f"asked {error:g}, reached {worst:.1e}")
    assert worst < error


def test_thicknesses_that_lie_close_do_not_cut_the_others_fine():
    """A tenth of an Å more costs few slices more; steps that fit take equal ones."""
    excitation, coupling = crystal()
    near, last = slice_counts(excitation, coupling, K, [930.0, 930.1], 1e-3)
    alone, *_ = slice_counts(excitation, coupling, K, [930.0], 1e-3)
    assert near < 2 * alone and last < 20
    first, second = slice_counts(excitation, coupling, K, [600.0, 900.0], 1e-3)
    assert first == 2 * second


def test_splitting_is_of_second_order():
    """Twice the slices, a quarter of the error."""
    excitation, coupling = crystal(beams=12, directions=6)
    reference = intensity(foil_waves(excitation, coupling, K, [400.0], road="eig", dtype=torch.complex128))
    errors = []
    for asked in (4e-3, 2.5e-4):
        slices = slice_counts(excitation, coupling, K, torch.tensor([400.0]).double().numpy(), asked)[0]
        found = intensity(foil_waves(excitation, coupling, K, [400.0], error=asked, dtype=torch.complex128))
        errors.append((slices, float((found - reference).abs().max())))
    (few, coarse), (many, fine) = errors
    if many == few:
        pytest.skip("the resonance bound alone gives both")
    slope = math.log(coarse / fine) / math.log(many / few)
    print(f"order {slope:.2f}")
    assert abs(slope - 2.0) < 0.3


@pytest.mark.parametrize("road", ["eig", "chebyshev", "strang"])
def test_no_electron_is_lost(road):
    """Without absorption intensities sum to 1 at every thickness; with it they fall."""
    excitation, coupling = crystal(absorption=0.0)
    total = intensity(foil_waves(excitation, coupling, K, [200.0, 930.0], road=road)).sum(-1)
    assert float((total - 1).abs().max()) < 2e-5
    _, absorbing = crystal(absorption=0.1)
    first, second = intensity(foil_waves(excitation, absorbing, K, [200.0, 930.0], road="eig")).sum(-1).mean(-1)
    assert float(second) != pytest.approx(float(first), abs=1e-3)


def test_series_is_the_single_runs():
    """A thickness reached on the way to a greater one is the same as alone."""
    excitation, coupling = crystal(beams=12, directions=5)
    series = foil_waves(excitation, coupling, K, [150.0, 400.0], road="chebyshev", dtype=torch.complex128)
    alone = foil_waves(excitation, coupling, K, [150.0], road="chebyshev", dtype=torch.complex128)
    torch.testing.assert_close(series[:1], alone, rtol=0, atol=1e-9)


@pytest.mark.parametrize("road", ["chebyshev", "strang"])
def test_gradient_by_the_potential(road):
    """The derivative of an intensity by a coefficient is that of finite differences."""
    excitation, coupling = crystal(beams=9, directions=3)

    def total(strength: torch.Tensor) -> torch.Tensor:
        waves = foil_waves(excitation, coupling * strength, K, [300.0], road=road, error=1e-2, dtype=torch.complex128)
        return intensity(waves)[0, :, 1].sum()

    strength = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    total(strength).backward()
    step = 1e-5
    above, below = (float(total(torch.tensor(1 + sign * step, dtype=torch.float64))) for sign in (1, -1))
    difference = (above - below) / (2 * step)
    print(f"{road}: gradient {float(strength.grad):.6f}, differences {difference:.6f}")
    assert float(strength.grad) == pytest.approx(difference, rel=1e-4)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"thickness_angstrom": [0.0]}, "rising values above 0"),
        ({"thickness_angstrom": [300.0, 200.0]}, "rising values above 0"),
        ({"road": "walk"}, "strang, chebyshev, eig"),
        ({"error": 0.0}, "expected 0 to 1"),
        ({"error": 1e-12}, "chebyshev"),
        ({"coupling": torch.zeros(3, 3)}, "do not fit"),
    ],
)
def test_refused(changes, says):
    """What cannot be is said in one line that names it."""
    excitation, coupling = crystal(beams=9, directions=3)
    given = {"excitation": excitation, "coupling": coupling, "wave_number": K, "thickness_angstrom": [300.0]} | changes
    with pytest.raises(InputError, match=says) as caught:
        foil_waves(**given)
    assert "\n" not in str(caught.value)
