"""`zoneaxis simulate`: a specimen under an instrument, written as patterns or curves."""

from __future__ import annotations

from collections.abc import Callable

import typer

from zoneaxis.cli.simulate_cbleed import cbleed, leed_iv
from zoneaxis.cli.simulate_ebsd import ebsd, ebsd_master
from zoneaxis.cli.simulate_lacbed import cbed, lacbed
from zoneaxis.cli.simulate_sadp import sadp

simulations = typer.Typer(
    help="Simulate patterns of a crystal.\n\nExample: zoneaxis simulate ebsd Ni --euler-deg 30,40,50 -o ni.png",
    no_args_is_help=True,
)


def _add(name: str, function: Callable[..., None], example: str) -> None:
    simulations.command(name, epilog=f"Example: zoneaxis simulate {name} {example}")(function)


_add("ebsd-master", ebsd_master, "Ni --half-size 100 --escape-length-nm 10 -o ni.npz")
_add("ebsd", ebsd, "my.cif --count 16 --degradation mild -o patterns.tif")
_add("cbleed", cbleed, "Si001-2x1 --energy-ev 60 --dimer-height 0.1 -o discs.png")
_add("leed-iv", leed_iv, "Cu001 --energy-ev 50:200:2 --beam 0,0 --beam 1,0 -o copper.csv")
_add("lacbed", lacbed, "Si --zone 1,1,0 --thickness-nm 50,100 --hkl 0,0,0 --hkl 0,0,4 -o discs.png")
_add("cbed", cbed, "Si --zone 1,1,1 --convergence-mrad 4 --half-width-mrad 25 -o pattern.png")
_add("sadp", sadp, "Al --zone 1,1,0 --defect twin --camera laboratory --indexed al_hkl.png -o al.png")
