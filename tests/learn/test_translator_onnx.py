"""Translator as ONNX: one graph says what torch says, for one image and for many, and says what it costs."""

import numpy as np
import pytest
import torch

from zoneaxis.learn import networks, translator_onnx
from zoneaxis.learn.networks.translator import Translator
from zoneaxis.learn.onnx_graph import runner

pytest.importorskip("onnxscript", reason="onnxscript is not installed")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")


@pytest.fixture(scope="module")
def network() -> Translator:
    """An untrained translator of 32 px."""
    torch.manual_seed(0)
    network = networks.build("translator", width=8, size_px=32, dropout=0.5)
    assert isinstance(network, Translator)
    return network.eval()


@pytest.fixture(scope="module")
def graph(network: Translator) -> bytes:
    """Its graph."""
    return translator_onnx.export(network)


def test_graph_says_what_torch_says(network: Translator, graph: bytes) -> None:
    """On sixteen images of noise and on sixteen smooth ones, together and alone, to 1e-4; nothing names a machine."""
    noise = np.random.default_rng(1).random((16, 1, 32, 32), dtype=np.float32)
    smooth = np.cos(np.arange(32, dtype=np.float32) * noise[:, :, :1, :1]) ** 2 * np.ones((32, 1), np.float32)
    differences = [translator_onnx.compare(graph, network, images) for images in (noise, smooth, noise[:1])]
    print(f"translator as ONNX against torch: {max(differences):.1e}; {len(graph) / 1e6:.2f} MB")
    assert max(differences) <= translator_onnx.TOLERANCE
    answer = runner(graph)(noise)[translator_onnx.OUTPUT]
    assert answer.shape == noise.shape and answer.dtype == np.float32 and 0 <= answer.min() <= answer.max() <= 1
    assert b".py" not in graph and b"site-packages" not in graph


def test_cost_is_stated_for_both(network: Translator, graph: bytes) -> None:
    """Both times are positive milliseconds, and the number of threads is as before."""
    threads = torch.get_num_threads()
    found = translator_onnx.milliseconds_per_image(graph, network, repeats=5)
    assert set(found) == {"torch", "onnxruntime"} and all(0 < value < 1000 for value in found.values())
    assert torch.get_num_threads() == threads


def test_graph_of_another_network_is_not_handed_out(graph: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check is made: a graph that says something else raises."""
    torch.manual_seed(1)
    other = networks.build("translator", width=8, size_px=32)
    assert isinstance(other, Translator)
    monkeypatch.setattr(translator_onnx, "traced", lambda whole, example, outputs: graph)
    with pytest.raises(RuntimeError, match="differs from torch"):
        translator_onnx.export(other)
