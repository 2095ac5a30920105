"""The report is one HTML file that holds every reading and needs nothing beside it."""

import hashlib
from html.parser import HTMLParser
from typing import Any

from zoneaxis.reading.reading import Answer, Reading, Value
from zoneaxis.report import page as module
from zoneaxis.report.figures import SIGNATURE
from zoneaxis.report.page import page


class Document(HTMLParser):
    """Text, links and open tags of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text, self.links, self.open, self.faults = "", [], [], []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value for name, value in attrs if name in ("src", "href", "srcset")]
        if tag not in ("meta", "img", "br", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data + " "


def reading(index: int = 0, **changes: Any) -> Reading:
    values: dict[str, Any] = {
        "file": "scan.h5",
        "index": index,
        "technique": "ebsd",
        "model": "the-model",
        "unknown": False,
        "unknown_score": 0.1,
        "answers": (Answer("225", 0.75), Answer("227", 0.25)),
        "prediction_set": ("225",),
        "reason": f"Reason {index} & <more>.",
        "evidence": {
            "matching": {
                "crystals": {"Si": 0.125, "Ni": 0.5},
                "best_crystal": "Ni",
                "best_group": "225",
                "ncc": 0.5,
                "margin": 0.375,
                "euler_deg": [1.0, 2.0, 3.0],
                "pattern_centre": [0.5, 0.25, 0.5],
            }
        },
    }
    return Reading(**(values | changes))


def test_everything_said_is_in_the_page():
    """Reasons, answers, NCC of every crystal, angles and model stand in the text, special characters escaped."""
    document = Document(page([reading(0), reading(1, unknown=True)], b"\x89PNG"))
    for words in ("Reason 0 & <more>.", "Reason 1 & <more>.", "0.750", "0.125", "1.0, 2.0, 3.0", "0.375", "the-model"):
        assert words in document.text
    assert "2 patterns, 1 of them unknown" in document.text


def test_page_is_whole_and_alone():
    """Tags close as they open, nothing is loaded from elsewhere, and the page says who made it."""
    text = page([reading()], b"\x89PNG")
    document = Document(text)
    assert document.open == document.faults == []
    assert [link[:22] for link in document.links] == ["data:image/png;base64,"]
    assert "<script" not in text
    assert SIGNATURE.encode() in text.encode()[:4096]


def test_files_are_named_with_their_hash(tmp_path):
    """Provenance holds the SHA-256 of every file that was read, and its name without the folder."""
    path = tmp_path / "scan.h5"
    path.write_bytes(b"patterns")
    text = page([reading(file=str(path))])
    assert hashlib.sha256(b"patterns").hexdigest() in text
    assert str(tmp_path) not in text


def test_long_scans_list_all_and_detail_some(monkeypatch):
    """The table holds every reading; details stop at the stated number and say so."""
    monkeypatch.setattr(module, "MOST_DETAILS", 3)
    text = Document(page([reading(i, reason=f"because {i}") for i in range(5)])).text
    assert "because 2" in text
    assert "because 3" not in text
    assert "first 3 of 5" in text


def test_no_matching_and_no_reading():
    """A reading by the network alone has no matching in it; a page without readings is still a page."""
    assert "NCC" not in Document(page([reading(evidence={})])).text.split("Reasons")[1]
    assert "0 patterns" in Document(page([])).text


def test_values_with_their_uncertainty():
    """A regressor's page: values and deviations, the network's guess beside them, the kinds, no space group."""
    one = reading(
        technique="cbleed",
        answers=(Answer("buckled", 0.9), Answer("symmetric", 0.1)),
        evidence={"network": {"values": {"beam_energy_ev": 51.9}}, "likelihood": {"chi2": 1.0, "misfit": 0.01}},
        values={"beam_energy_ev": Value(52.31, "eV", 0.083)},
    )
    document = Document(page([one]))
    assert document.open == document.faults == []
    for words in ("beam energy", "52.310 ± 0.083 eV", "51.9 eV", "buckled", "0.900", "one standard deviation"):
        assert words in document.text
    assert "space group" not in document.text
