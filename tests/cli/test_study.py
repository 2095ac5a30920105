"""`zoneaxis study` calls its twin, shows the verdicts and can be taken up again."""

import pytest

from zoneaxis import studies


@pytest.fixture
def fake_run(monkeypatch, tmp_path):
    """In the place of a run: remembers how it was called and gives a page of claims."""
    called = {}

    def fake(name, scale, output, **options):
        called.update(name=name, scale=scale, output=output, **options)
        page = tmp_path / "small.md"
        page.write_text("# 1 of 2 claims met ±\n", encoding="utf-8")
        return page

    monkeypatch.setattr(studies, "run", fake)
    return called


def test_options_reach_the_twin(zoneaxis, fake_run, tmp_path):
    """Name, scale, folders and workers arrive; the claims go to stdout, their folder to stderr."""
    words = ("-o", tmp_path / "out", "--data", tmp_path / "data", "--workers", 2)
    ended = zoneaxis("study", "some_study", "--scale", "small", *words)
    assert ended.code == 0
    assert fake_run == {
        "name": "some_study",
        "scale": "small",
        "output": tmp_path / "out",
        "data": tmp_path / "data",
        "workers": 2,
    }
    assert ended.out == "# 1 of 2 claims met ±\n"
    assert str(tmp_path) in ended.err


def test_smoke_is_the_scale_without_a_word(zoneaxis, fake_run):
    """Without options the smallest scale runs, into the checkout and with the user's cache."""
    assert zoneaxis("study", "some_study").code == 0
    assert (fake_run["scale"], fake_run["output"], fake_run["data"]) == ("smoke", None, None)


def test_an_unknown_study_is_one_line(zoneaxis):
    """A misspelt name ends with exit code 2 and the names there are."""
    ended = zoneaxis("study", "cbled_autoencoder")
    assert ended.code == 2
    assert ended.err.startswith("zoneaxis: study 'cbled_autoencoder': no such study; there are ")
    assert ended.err.count("\n") == 1


def test_an_interruption_says_how_to_go_on(zoneaxis, monkeypatch):
    """Ctrl-C ends with 130 and says that finished stages are kept."""

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(studies, "run", stop)
    ended = zoneaxis("study", "cbleed_autoencoder")
    assert ended.code == 130
    assert "finished stages are kept" in ended.err
