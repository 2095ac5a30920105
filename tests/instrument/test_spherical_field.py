"""Functions on the sphere: blur and rotational derivative against what is known in closed form."""

import math

import torch

from zoneaxis.instrument.spherical_field import blur_sphere, grid_directions, rotational_derivative, without_slow


def test_rotational_derivative_of_known_functions():
    """v x grad of z and of x y: (v_y, -v_x, 0) and the product rule; zero for a constant."""
    v = grid_directions(121, torch.float64)
    x, y, z = v.unbind(-1)
    expected = torch.stack((y, -x, torch.zeros_like(x)))
    assert (rotational_derivative(z) - expected).abs().mean() < 1e-3
    expected = torch.stack((-x * z, y * z, x.square() - y.square()))
    assert (rotational_derivative(x * y) - expected).abs().mean() < 1e-3
    assert rotational_derivative(torch.ones_like(x)).abs().max() < 1e-9


def test_blur_shrinks_spherical_harmonics_as_a_gaussian_does():
    """A harmonic of degree l loses exp(-l (l + 1) sigma² / 2); a constant nothing."""
    v = grid_directions(121, torch.float64)
    x, y, z = v.unbind(-1)
    sigma_deg = 10.0
    for degree, harmonic in ((1, z), (2, x * y), (3, x * y * z)):
        expected = math.exp(-0.5 * degree * (degree + 1) * math.radians(sigma_deg) ** 2)
        blurred = blur_sphere(harmonic, sigma_deg)
        ratio = (blurred * harmonic).sum() / harmonic.square().sum()
        print(f"degree {degree}: {ratio:.4f}, Gaussian {expected:.4f}")
        assert abs(ratio - expected) < 5e-3
    torch.testing.assert_close(
        blur_sphere(torch.ones_like(x), 5.0, side=31), torch.ones(2, 31, 31, dtype=torch.float64)
    )


def test_what_is_slow_goes_and_what_is_quick_stays():
    """Taking the slow part away removes a gradient over the sphere and keeps a narrow band."""
    v = grid_directions(121, torch.float64)
    band = torch.exp(-(v[..., 0] / 0.03).square())
    rest = without_slow(v[..., 2] + band, 10.0)
    assert without_slow(v[..., 2], 10.0).abs().max() < 0.05
    correlation = torch.corrcoef(torch.stack((rest.flatten(), band.flatten())))[0, 1]
    assert correlation > 0.9
