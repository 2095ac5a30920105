"""The emulator stands in for a simulator between the nodes of its grid, and nowhere else."""

import time

import numpy as np
import pytest
from safetensors.numpy import load, save

from tests.small_grid import AXES, KINDS, NAMES, grid, intensity, places
from zoneaxis.errors import InputError
from zoneaxis.learn.emulator import Emulator


@pytest.fixture(scope="module")
def images():
    """The small world's grid."""
    return grid()


@pytest.fixture(scope="module")
def emulator(images):
    """Its emulator."""
    return Emulator.fit(*images)


def truth(emulator: Emulator, kind: str, values: np.ndarray) -> np.ndarray:
    amplitude = np.sqrt(intensity(kind, values))[:, emulator.lit]
    return amplitude / np.linalg.norm(amplitude, axis=1, keepdims=True)


def test_between_the_nodes_it_is_the_simulator(emulator):
    """Off-grid amplitudes agree within the error the emulator states of itself, for both kinds."""
    at = places(200)
    for kind in KINDS:
        missed = np.linalg.norm(emulator.amplitude(kind, at) - truth(emulator, kind, at), axis=1)
        stated = np.hypot(
            emulator.errors["components_rms"],
            sum(emulator.errors[f"{name}_double_step_rms"] for name in NAMES) / 2**4,
        )
        print(f"{kind}: missed {np.sqrt(np.mean(missed**2)):.1e} rms, stated {stated:.1e}; {emulator.errors}")
        assert np.sqrt(np.mean(missed**2)) < 2 * stated < 0.02


def test_jacobian_is_the_slope(emulator):
    """Derivatives agree with central differences of the amplitude."""
    at = places(20)
    value, slope = emulator.jacobian("buckled", at)
    assert value == pytest.approx(emulator.amplitude("buckled", at), abs=1e-7)
    for number, step in enumerate((0.02, 0.001, 0.001)):
        shift = step * np.eye(3)[number]
        numeric = (emulator.amplitude("buckled", at + shift) - emulator.amplitude("buckled", at - shift)) / (2 * step)
        assert np.abs(slope[:, number] - numeric).max() < 2e-3 * np.abs(numeric).max()


def test_nearest_finds_the_node(emulator, images):
    """An image of the grid is its own nearest node, in whatever brightness, and the other kind is farther."""
    amplitudes, labels, classes = images
    chosen = np.random.default_rng(0).integers(len(amplitudes), size=50)
    values, distance = emulator.nearest(7.0 * amplitudes[chosen][:, emulator.lit])
    own = np.array([emulator.classes.index(kind) for kind in classes[chosen]])
    assert (distance.argmin(1) == own).all()
    found = values[np.arange(50), own]
    assert found == pytest.approx(np.stack([labels[name][chosen] for name in NAMES], axis=1))


def test_image_puts_pixels_in_their_places(emulator):
    """The picture holds the amplitudes on the lit pixels and nothing elsewhere."""
    at = places(2)
    picture = emulator.image("symmetric", at)
    assert picture[:, emulator.lit] == pytest.approx(emulator.amplitude("symmetric", at))
    assert not picture[:, ~emulator.lit].any()
    assert picture[0] == pytest.approx(
        np.sqrt(intensity("symmetric", at))[0] / np.linalg.norm(np.sqrt(intensity("symmetric", at))[0]), abs=0.02
    )


def test_tensors_bring_it_back(emulator):
    """Through a .safetensors file and back: the same numbers; a full-size grid stays below the limit."""
    back = Emulator.restore(load(save(emulator.tensors())))
    at = places(5)
    assert np.array_equal(back.amplitude("buckled", at), emulator.amplitude("buckled", at))
    assert (back.classes, back.names, back.errors) == (emulator.classes, emulator.names, emulator.errors)
    full = 4 * (2 * 71 * 13 * 5 * 64 + 1340 * 65)
    print(f"{emulator.nbytes / 1e6:.2f} MB; 71 x 13 x 5 x 2 nodes with 64 components: {full / 1e6:.2f} MB")
    assert full < 3.5e6


def test_broken_tensors_are_refused(emulator):
    """A missing array and one of another shape are told in one line."""
    tensors = emulator.tensors()
    with pytest.raises(InputError, match="lit"):
        Emulator.restore({name: array for name, array in tensors.items() if name != "lit"})
    with pytest.raises(InputError, match="do not fit"):
        Emulator.restore(tensors | {"coefficients": tensors["coefficients"][:, :-1]})


def test_never_extrapolates(emulator):
    """A value outside the grid is refused with its name, its value and the range; NaN too."""
    outside = places(3)
    outside[1, 0] = AXES[0][-1] + 0.5
    with pytest.raises(InputError, match=r"beam_energy_ev = 60\.5 .* 30 to 60"):
        emulator.amplitude("buckled", outside)
    outside[1, 0] = np.nan
    with pytest.raises(InputError, match="outside the grid"):
        emulator.jacobian("buckled", outside)
    with pytest.raises(InputError, match="flat"):
        emulator.amplitude("flat", places(1))


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (lambda a, v, c: (a[1:], {k: x[1:] for k, x in v.items()}, c[1:]), "has 0 at buckled, beam_energy_ev = 30"),
        (lambda a, v, c: (a, v | {NAMES[0]: np.r_[v[NAMES[0]][1], v[NAMES[0]][1:]]}, c), "every node|has"),
        (lambda a, v, c: (-a, v, c), "not negative"),
        (lambda a, v, c: (a, v, c[1:]), "class has shape"),
        (lambda a, v, c: (a, {}, c), "no label"),
        (lambda a, v, c: (a[0], v, c), "expected"),
    ],
)
def test_grids_that_are_none(images, spoil, named):
    """Holes, doubles, negative amplitudes and labels of another length are refused."""
    amplitudes, labels, classes = images
    doubled = spoil(amplitudes, labels, classes)
    if named.startswith("every"):
        labels = {name: np.r_[values, values[:1]] for name, values in labels.items()}
        doubled = (np.r_[amplitudes, amplitudes[:1]], labels, np.r_[classes, classes[:1]])
        named = "has 2 at buckled"
    with pytest.raises(InputError, match=named):
        Emulator.fit(*doubled)


def test_evaluation_is_quick(emulator):
    """Amplitude and derivatives of one place take well below a millisecond."""
    at, klass = places(1), np.array([0])
    emulator.jacobian(klass, at)
    begin = time.process_time()
    for _ in range(200):
        emulator.jacobian(klass, at)
    taken = (time.process_time() - begin) / 200
    print(f"jacobian at one place: {1e6 * taken:.0f} µs")
    assert taken < 1e-3
