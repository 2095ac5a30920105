"""`zoneaxis list` names what the folders hold."""

from zoneaxis import crystals, techniques
from zoneaxis.learn import networks


def test_everything_is_listed(zoneaxis):
    """Techniques, crystals with their groups and networks are all named."""
    shown = zoneaxis("list")
    assert shown.code == 0
    for name in (*techniques.names(), *crystals.names(), *networks.names(), "ebsd-masters-20kv"):
        assert name in shown.out
    assert "space group 230" in shown.out


def test_one_kind_alone(zoneaxis):
    """A kind by name lists that kind only."""
    shown = zoneaxis("list", "networks").out
    assert "resnet" in shown
    assert "space group" not in shown


def test_unknown_kind_is_refused(zoneaxis):
    """An unknown kind is answered with those there are."""
    ended = zoneaxis("list", "detectors")
    assert ended.code == 2
    assert "techniques, crystals, surfaces, models, networks, studies" in ended.err
