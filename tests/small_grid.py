"""A small world with values to read: smooth discs whose insides follow three numbers and one of two kinds."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from zoneaxis.learn import model_folder
from zoneaxis.learn.emulator import Emulator
from zoneaxis.learn.regression_card import RegressionCard
from zoneaxis.reading.value_model import Proposal, Span, ValueModel

KINDS = ("buckled", "symmetric")
NAMES = ("beam_energy_ev", "dimer_height_angstrom", "dimer_length_angstrom")
AXES = (np.arange(30.0, 61.0, 2.0), np.linspace(-0.3, 0.3, 7), np.linspace(-0.2, 0.2, 5))
SIZE_PX = 32


def intensity(kind: str, values: np.ndarray, size_px: int = SIZE_PX) -> np.ndarray:
    """Images (m, size, size) of nine discs at values (m, 3) = (eV, Å, Å); dark between the discs, at most about 1."""
    x = (np.arange(size_px) + 0.5) / size_px - 0.5
    col, row = np.meshgrid(x, x)
    # What moves inside the discs: about one turn in 30 eV, in 1.5 Å of height and in 3 Å of length.
    energy, height, length = (np.asarray(values, dtype=float) / (30.0, 1.5, 3.0) * 2 * np.pi).T[:, :, None, None]
    images = np.zeros((len(values), size_px, size_px))
    for number, (i, j) in enumerate((i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)):
        u, v = (col - 0.31 * i) / 0.13, (row - 0.31 * j) / 0.13
        phase = 1.0 + 0.7 * number
        wave = 2.0 + 0.9 * np.cos(energy * (1 + 0.05 * number) + phase + 1.5 * u) * np.cos(
            height * (1 + 0.1 * number) + v - phase
        )
        wave = wave + 0.4 * np.sin(length * (1 + 0.1 * number) + phase + u * v)
        if kind == "buckled":
            wave = wave + 0.5 * np.cos(0.6 * energy + 2.0 * u - phase) + 0.3 * v
        images += np.where(u**2 + v**2 < 1.0, wave**2 / (1.0 + 0.4 * number), 0.0)
    return (images / 16.0).astype(np.float32)


def grid() -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
    """Amplitudes (n, size, size), labels and kinds of every node."""
    nodes = np.stack([axis.ravel() for axis in np.meshgrid(*AXES, indexing="ij")], axis=1)
    images = np.concatenate([intensity(kind, nodes) for kind in KINDS])
    labels = {name: np.tile(nodes[:, i], len(KINDS)) for i, name in enumerate(NAMES)}
    return np.sqrt(images), labels, np.repeat(KINDS, len(nodes))


def places(count: int, seed: int = 0, margin: float = 0.1) -> np.ndarray:
    """Random values (count, 3) between the nodes, away from the ends of the grid by a fraction of its size."""
    low, high = (np.array([edge(axis) for axis in AXES]) for edge in (np.min, np.max))
    return low + (high - low) * np.random.default_rng(seed).uniform(margin, 1 - margin, (count, 3))


def propose(emulator: Emulator) -> Callable[[np.ndarray], Proposal]:
    """A stand-in for the network: the nearest node, drawn by the emulator in the brightness of the image."""

    def nearest(images: np.ndarray) -> Proposal:
        images = images[:, 0]
        values, distance = emulator.nearest(images[:, emulator.lit])
        best = distance.argmin(1)
        values = values[np.arange(len(images)), best]
        drawn = emulator.image(best, values) * np.linalg.norm(images, axis=(1, 2))[:, None, None]
        return Proposal(values, values.astype(np.float32), drawn)

    return nearest


def small_model(**changes: Any) -> ValueModel:
    """A model of the small world without any training."""
    emulator = Emulator.fit(*grid())
    units = {"beam_energy_ev": "eV", "dimer_height_angstrom": "Å", "dimer_length_angstrom": "Å"}
    spans = {
        name: Span(units[name], float(axis.min()), float(axis.max())) for name, axis in zip(NAMES, AXES, strict=True)
    }
    settings = {"size_px": SIZE_PX, "emulator": emulator, **changes}
    return ValueModel("small-grid", "cbleed", spans, propose(emulator), **settings)


def counted(images: np.ndarray, electrons: float, seed: int = 0) -> np.ndarray:
    """Images as counts of about so many electrons each."""
    share = images.astype(float) / images.sum((1, 2), keepdims=True, dtype=float)
    return np.random.default_rng(seed).poisson(electrons * share).astype(np.float32)


def network_onnx(emulator: Emulator) -> bytes:
    """The nearest node as a network: prepared images in, values, latent and reconstruction out."""
    from onnx import TensorProto, helper, numpy_helper

    nodes = np.stack([axis.ravel() for axis in np.meshgrid(*AXES, indexing="ij")], axis=1)
    drawn = np.concatenate([emulator.image(kind, nodes) for kind in KINDS]).reshape(len(KINDS) * len(nodes), -1)
    constants = {
        "drawn": drawn.astype(np.float32),
        "drawn_t": np.ascontiguousarray(drawn.T, dtype=np.float32),
        "nodes": np.tile(nodes, (len(KINDS), 1)).astype(np.float32),
        "shape": np.array([-1, 1, SIZE_PX, SIZE_PX]),
    }
    steps = [
        helper.make_node("Flatten", ["image"], ["flat"]),
        helper.make_node("MatMul", ["flat", "drawn_t"], ["likeness"]),
        helper.make_node("ArgMax", ["likeness"], ["best"], axis=1, keepdims=0),
        helper.make_node("ReduceMax", ["likeness"], ["brightness"], axes=[1], keepdims=1),
        helper.make_node("Gather", ["nodes", "best"], ["values"]),
        helper.make_node("Identity", ["values"], ["latent"]),
        helper.make_node("Gather", ["drawn", "best"], ["like"]),
        helper.make_node("Mul", ["like", "brightness"], ["bright"]),
        helper.make_node("Reshape", ["bright", "shape"], ["reconstruction"]),
    ]
    n = "n"
    graph = helper.make_graph(
        steps,
        "nearest",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [n, 1, SIZE_PX, SIZE_PX])],
        [
            helper.make_tensor_value_info("values", TensorProto.FLOAT, [n, 3]),
            helper.make_tensor_value_info("latent", TensorProto.FLOAT, [n, 3]),
            helper.make_tensor_value_info("reconstruction", TensorProto.FLOAT, [n, 1, SIZE_PX, SIZE_PX]),
        ],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return model.SerializeToString()


def save_model(folder: Path, **judgement: Any) -> Path:
    """The small model as a folder."""
    from safetensors.numpy import save

    model = small_model()
    assert model.emulator is not None
    contents = {"emulator.safetensors": save(model.emulator.tensors()), "model.onnx": network_onnx(model.emulator)}
    card = RegressionCard(
        name=model.name,
        technique=model.technique,
        values={name: vars(span) for name, span in model.spans.items()},
        preparation={"size_px": SIZE_PX, "normalise": "sum", "floor": 0.0},
        arguments={},
        judgement=judgement,
        files={name: model_folder.fingerprint(content) for name, content in contents.items()},
    )
    model_folder.write(folder, contents, card.to_json())
    return folder
