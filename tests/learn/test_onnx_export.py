"""ONNX export: one graph says what torch says, for one image and for many, and names nothing of this machine."""

import numpy as np
import pytest
import torch

from tests.small_discs import SIZE_PX, disc_images, grid
from zoneaxis.learn import networks, onnx_export
from zoneaxis.learn.kernel_ridge import KernelRidge
from zoneaxis.learn.onnx_graph import runner
from zoneaxis.patterns.amplitude import amplitude

pytest.importorskip("onnxscript", reason="onnxscript is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")


@pytest.fixture(scope="module")
def trained() -> tuple:
    """A network, a regression on its codes, amplitudes, and their graph."""
    torch.manual_seed(0)
    network = networks.build("autoencoder", latent=3, widths=(4, 8), size_px=SIZE_PX).eval()
    values = grid(15, 7)
    images = amplitude(disc_images(values), SIZE_PX)[:, None]
    with torch.no_grad():
        codes = network.encode(torch.from_numpy(images)).numpy()
    regressor = KernelRidge.fit(codes, values)
    return network, regressor, images, onnx_export.export(network, regressor, images[::9])


def test_graph_says_what_torch_says(trained: tuple) -> None:
    """On images and on noise all three outputs agree to 1e-4, in batches of 1, 5 and 105."""
    network, regressor, images, graph = trained
    noise = np.random.default_rng(0).random((16, 1, SIZE_PX, SIZE_PX), dtype=np.float32)
    for batch in (images, images[:5], images[:1], noise):
        differences = onnx_export.compare(graph, network, regressor, batch)
        assert max(differences.values()) <= onnx_export.TOLERANCE
    print(f"ONNX against torch: {differences}; {len(graph) / 1e6:.2f} MB")
    outputs = runner(graph)(images)
    assert [outputs[name].shape for name in onnx_export.OUTPUTS] == [(105, 2), (105, 3), (105, 1, SIZE_PX, SIZE_PX)]
    assert {values.dtype.name for values in outputs.values()} == {"float32"}
    assert 0 <= outputs["reconstruction"].min() <= outputs["reconstruction"].max() <= 1
    codes = outputs["latent"].astype(float)
    assert np.allclose(outputs["values"], regressor.predict(codes), atol=1e-3)


def test_graph_names_no_machine(trained: tuple) -> None:
    """The exporter's notes on source files are gone."""
    graph = trained[3]
    assert b".py" not in graph and b"stack_trace" not in graph and b"site-packages" not in graph


def test_graph_that_differs_is_not_handed_out(trained: tuple, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tolerance that cannot be met raises: the check is made."""
    network, regressor, images, graph = trained
    monkeypatch.setattr(onnx_export, "traced", lambda whole, example, outputs: graph)
    assert onnx_export.export(network, regressor, images[:2]) == graph
    monkeypatch.setattr(onnx_export, "TOLERANCE", -1.0)
    with pytest.raises(RuntimeError, match="differs from torch"):
        onnx_export.export(network, regressor, images[:2])
