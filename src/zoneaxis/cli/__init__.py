"""The `zoneaxis` program: each command parses, calls its Python twin and shows what came out.

This floor holds no physics and no decisions. Only typer and rich are imported at the top; a command imports what it
needs when it runs, so that `zoneaxis --help` answers at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from zoneaxis.cli.demo import demo
from zoneaxis.cli.doctor import doctor
from zoneaxis.cli.identify import identify
from zoneaxis.cli.inventory import inventory
from zoneaxis.cli.recipes import generate, train
from zoneaxis.cli.refine import refine
from zoneaxis.cli.simulate import simulations
from zoneaxis.cli.study import study
from zoneaxis.cli.watch import watch
from zoneaxis.errors import InputError

commands = typer.Typer(
    name="zoneaxis",
    help="Reads electron-diffraction patterns: what the crystal is, how sure that is, and why.",
    epilog="Begin with: zoneaxis demo",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def app(arguments: Sequence[str] | None = None) -> None:
    """Run the program and leave with its exit code.

    0: done; 1: a check of `doctor` failed; 2: bad input, said in one line on stderr, nothing written; 130: interrupted.
    Anything unexpected keeps its traceback.
    """
    # Many small matrices are slower on several threads; whoever sets the variable keeps the choice.
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    try:
        commands(arguments, prog_name="zoneaxis")
    except InputError as error:
        print("zoneaxis:", " ".join(str(error).split()), file=sys.stderr)
        sys.exit(2)


def _print_version(wanted: bool) -> None:
    if wanted:
        from zoneaxis import __version__

        typer.echo(f"zoneaxis {__version__}")
        raise typer.Exit


@commands.callback()
def program(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Reads electron-diffraction patterns: what the crystal is, how sure that is, and why."""


commands.add_typer(simulations, name="simulate")
commands.command("generate", epilog="Example: zoneaxis generate recipe.toml -o patterns.zarr --workers 2")(generate)
commands.command("train", epilog="Example: zoneaxis train recipes/sadp_reader.toml -o runs/sadp_reader")(train)
commands.command("identify", epilog="Example: zoneaxis identify map.h5 --dataset 'Scan 1' --report map.html")(identify)
commands.command(
    "refine", epilog="Example: zoneaxis refine discs.npz my.cif --half-width 0.66 --zone 1,-1,0 -o fit.png"
)(refine)
commands.command("watch", epilog="Example: zoneaxis watch live/ -o results.csv --refine")(watch)
commands.command("study", epilog="Example: zoneaxis study cbleed_autoencoder --scale smoke")(study)
commands.command("list", epilog="Example: zoneaxis list crystals")(inventory)
commands.command("demo", epilog="Example: zoneaxis demo -o demo")(demo)
commands.command("doctor", epilog="Example: zoneaxis doctor")(doctor)
