"""`watch` reads what arrives, waits for what is not whole, loses nothing and touches no original."""

import csv
import hashlib
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.small_grid import NAMES, intensity, places, save_model
from zoneaxis.errors import InputError
from zoneaxis.reading.watch import watch


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """The small model in a folder."""
    return save_model(tmp_path_factory.mktemp("models") / "small")


@pytest.fixture
def folder(tmp_path) -> Path:
    """An empty folder to be watched."""
    place = tmp_path / "live"
    place.mkdir()
    return place


def images(count: int, seed: int = 0) -> np.ndarray:
    """16-bit pictures of 128 x 128."""
    clean = intensity("buckled", places(count, seed)).repeat(4, 1).repeat(4, 2)
    return np.random.default_rng(seed).poisson(400 * clean).astype(np.uint16)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("refine", [False, True])
def test_every_kind_of_picture_becomes_a_line(folder, model, refine):
    """PNG, TIFF and NumPy files give a line each with values, deviations and kind; other files are left alone."""
    one, two, three, *_, last = images(5)
    Image.fromarray(one).save(folder / "a.png")
    tifffile.imwrite(folder / "b.tif", two)
    np.save(folder / "c.npy", three)
    tifffile.imwrite(folder / "pages.tif", np.stack([last, last]), photometric="minisblack")
    (folder / "notes.txt").write_text("mine")
    (folder / ".hidden.png").write_bytes(b"half")
    before = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    arrivals = list(watch(folder, model=model, refine=refine, once=True))
    told = rows(folder / "results.csv")
    assert [(row["file"], row["index"]) for row in told] == [
        ("a.png", "0"),
        ("b.tif", "0"),
        ("c.npy", "0"),
        ("pages.tif", "0"),
        ("pages.tif", "1"),
    ]
    assert [arrival.file for arrival in arrivals] == ["a.png", "b.tif", "c.npy", "pages.tif"]
    truth = places(5)[[0, 1, 2, 4, 4]]
    for number, name in enumerate(NAMES):
        read = np.array([[float(row[name]), float(row[f"{name}_uncertainty"])] for row in told])
        spacing = (2.0, 0.1, 0.1)[number]
        assert np.abs(read[:, 0] - truth[:, number]).max() < (0.5 if refine else 4) * spacing
        assert (read[:, 1] > 0).all() or not refine
    assert {row["answer"] for row in told} == ({"buckled"} if refine else {""})
    assert {row["state"] for row in told} == {"read"}
    after = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    after.pop("results.csv")
    assert after == before


def test_goes_on_where_it_stopped(folder, model):
    """A second watch reads only what is new; the table keeps its lines."""
    first, second = images(2)
    Image.fromarray(first).save(folder / "a.png")
    assert len(list(watch(folder, model=model, once=True))) == 1
    kept = (folder / "results.csv").read_text()
    Image.fromarray(second).save(folder / "b.png")
    assert [arrival.file for arrival in watch(folder, model=model, once=True)] == ["b.png"]
    assert (folder / "results.csv").read_text().startswith(kept)
    assert list(watch(folder, model=model, once=True)) == []


def test_line_cut_short_is_read_again(folder, model):
    """A table whose last line a crash cut short loses that half line, and the file is read again."""
    for name, image in zip("ab", images(2), strict=True):
        Image.fromarray(image).save(folder / f"{name}.png")
    list(watch(folder, model=model, once=True))
    table = folder / "results.csv"
    whole = table.read_bytes()
    table.write_bytes(whole[:-30])
    assert [arrival.file for arrival in watch(folder, model=model, once=True)] == ["b.png"]
    assert table.read_bytes() == whole


@pytest.mark.parametrize("ending", ["png", "tif", "npy"])
def test_slow_writer(folder, model, ending):
    """A file that is written in pieces over half a second is read once, whole, while another is not held up."""
    place = folder.parent / f"whole.{ending}"
    image = images(1)[0]
    if ending == "npy":
        np.save(place, image)
    elif ending == "tif":
        tifffile.imwrite(place, image)
    else:
        Image.fromarray(image).save(place)
    content = place.read_bytes()

    def write() -> None:
        with (folder / place.name).open("wb") as file:
            for begin in range(0, len(content), len(content) // 8 + 1):
                file.write(content[begin : begin + len(content) // 8 + 1])
                file.flush()
                time.sleep(0.12)

    Image.fromarray(image).save(folder / "quick.png")
    writer = threading.Thread(target=write)
    writer.start()
    arrivals = list(watch(folder, model=model, once=True, deadline_s=5.0))
    writer.join()
    assert [arrival.file for arrival in arrivals] == ["quick.png", place.name]
    assert arrivals[0].readings[0].values == arrivals[1].readings[0].values
    assert [row["state"] for row in rows(folder / "results.csv")] == ["read", "read"]


def test_what_never_parses_is_listed(folder, model):
    """Cut short, empty, coloured, oblong, NaN and flat files: each a line with its reason, none stops the watch."""
    Image.fromarray(images(1)[0]).save(folder / "good.png")
    (folder / "cut.png").write_bytes((folder / "good.png").read_bytes()[:3000])
    (folder / "empty.tif").write_bytes(b"")
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(folder / "colour.png")
    Image.fromarray(images(1)[0][:100]).save(folder / "oblong.png")
    np.save(folder / "nan.npy", np.full((64, 64), np.nan))
    np.save(folder / "list.npy", np.arange(5.0))
    Image.fromarray(np.full((64, 64), 9, dtype=np.uint8)).save(folder / "flat.png")
    arrivals = {arrival.file: arrival for arrival in watch(folder, model=model, once=True, deadline_s=0.3)}
    told = {row["file"]: row for row in rows(folder / "results.csv")}
    assert told["good.png"]["state"] == "read"
    assert told["flat.png"]["state"] == "unknown"
    for name, words in {
        "cut.png": "complete",
        "empty.tif": "empty",
        "colour.png": "colour",
        "oblong.png": "100 x 128",
        "nan.npy": "finite",
        "list.npy": "shape",
    }.items():
        assert told[name]["state"] == "unreadable"
        assert words in told[name]["reason"]
        assert arrivals[name].fault and not arrivals[name].readings
    assert len(told) == 8


def test_pattern_set_of_another_technique(folder, model):
    """A stored pattern set that says it is EBSD is listed, not read."""
    from zoneaxis.patterns import store
    from zoneaxis.patterns.schema import pattern_set

    for name, technique in (("mine", "cbleed"), ("other", "ebsd")):
        store.save(pattern_set(images(2), technique=technique, provenance="test"), folder / f"{name}.npz")
    list(watch(folder, model=model, once=True))
    told = [(row["file"], row["state"]) for row in rows(folder / "results.csv")]
    assert told == [("mine.npz", "read"), ("mine.npz", "read"), ("other.npz", "unreadable")]


def test_files_that_arrive_while_it_watches(folder, model):
    """A file that comes later is told soon; closing the watch leaves a whole table."""
    arrivals = watch(folder, model=model, poll_s=0.05)
    timer = threading.Timer(0.3, lambda: Image.fromarray(images(1)[0]).save(folder / "late.png"))
    timer.start()
    begin = time.monotonic()
    assert next(arrivals).file == "late.png"
    assert time.monotonic() - begin < 5.0
    arrivals.close()
    assert len(rows(folder / "results.csv")) == 1


def test_file_that_vanishes_is_forgotten(folder, model):
    """A temporary file that is gone before it parses leaves no line."""
    (folder / "scratch.png").write_bytes(b"half")
    threading.Timer(0.3, (folder / "scratch.png").unlink).start()
    assert list(watch(folder, model=model, once=True, deadline_s=5.0)) == []
    assert rows(folder / "results.csv") == []


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"folder": "nowhere"}, "no such folder"),
        ({"model": "no-such-model"}, "no-such-model"),
        ({"poll_s": 0.0}, "poll_s"),
        ({"output": "taken.csv"}, "its first line"),
        ({"output": "no/where.csv"}, "does not exist"),
        ({"technique": "tea", "model": None}, "tea"),
    ],
)
def test_faults_are_told_at_once(folder, model, options, named):
    """Folder, model, table and numbers that cannot be are refused before anything is read; a foreign table stays."""
    (folder.parent / "taken.csv").write_text("mine,too\n1,2")
    places_of = {key: folder.parent / value if key in ("folder", "output") else value for key, value in options.items()}
    with pytest.raises(InputError, match=named):
        watch(**({"folder": folder, "model": model} | places_of))
    assert (folder.parent / "taken.csv").read_text() == "mine,too\n1,2"
    assert list(folder.iterdir()) == []


def test_altered_model_is_refused(tmp_path, folder, model):
    """A network or an emulator that is not the card's is not used."""
    for name in ("model.onnx", "emulator.safetensors"):
        copy = shutil.copytree(model, tmp_path / name.split(".")[0])
        content = bytearray((copy / name).read_bytes())
        content[-1] ^= 1
        (copy / name).write_bytes(bytes(content))
        with pytest.raises(InputError, match="SHA-256"):
            watch(folder, model=copy)


def test_a_folder_that_goes_away_ends_the_watch(folder, model, tmp_path):
    """A watched folder that is removed is said in one line; what was read before stands in the table."""
    Image.fromarray(images(1)[0]).save(folder / "a.png")
    arrivals = watch(folder, tmp_path / "told.csv", model=model, poll_s=0.01)
    assert next(arrivals).file == "a.png"
    shutil.rmtree(folder)
    with pytest.raises(InputError, match="can no longer be read"):
        next(arrivals)
    assert [row["file"] for row in rows(tmp_path / "told.csv")] == ["a.png"]


def test_a_classifier_is_refused(folder):
    """A model that tells kinds, not values, is named as such, and no table is begun."""
    with pytest.raises(InputError, match="a model of values is needed"):
        watch(folder, technique="ebsd")
    assert not list(folder.iterdir())


def test_rate(folder, model):
    """A folder of 300 small files is read at more than 100 files a second, refined or not."""
    for number, image in enumerate(images(300)):
        (Image.fromarray(image).save if number % 2 else (lambda p, i=image: tifffile.imwrite(p, i)))(
            folder / f"{number:04d}.{'png' if number % 2 else 'tif'}"
        )
    for refine in (False, True):
        begin = time.process_time()
        done = list(watch(folder, folder.parent / f"{refine}.csv", model=model, refine=refine, once=True))
        rate = len(done) / (time.process_time() - begin)
        print(f"refine {refine}: {rate:.0f} files a second of processor time, model opened included")
        assert len(done) == 300
        assert rate > 100


def test_no_torch_on_the_live_path(folder, model):
    """Watching and refining plain pictures imports neither torch nor xarray."""
    Image.fromarray(images(1)[0]).save(folder / "a.png")
    code = (
        "import sys; from zoneaxis.reading.watch import watch\n"
        f"print(len(list(watch({str(folder)!r}, model={str(model)!r}, refine=True, once=True))))\n"
        "print([name for name in ('torch', 'xarray', 'scipy', 'sklearn', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.split("\n")[:2] == ["1", "[]"], done.stderr
