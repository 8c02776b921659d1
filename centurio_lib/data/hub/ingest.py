"""Data sets of the hub taken in: samples as tables, images beside them, shard by shard and one data set at a time.

A shard is a stretch of rows of the data set. A killed run goes on after the last one that is whole. An image that
cannot be read costs its sample, and so does a damaged row. Both are counted; where they are more than one in a
hundred, the data set is left out.
"""

import io
import shutil
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pandas as pd
from PIL import Image

from centurio_lib import code_digest, image_file, storage, tables
from centurio_lib.data import image_store
from centurio_lib.data.hub import catalogue, convert, hub
from centurio_lib.data.hub.archives import Images
from centurio_lib.data.hub.catalogue import Entry
from centurio_lib.params.hub_data import Sources

MAX_BAD = 0.01  # share of images
ENOUGH = 1000  # images after which that share is first looked at
IMAGE_BYTES, REDUCED_TO = 120_000, 768  # of a stored image, about, and its longer side in pixels
QUALITY = 92  # JPEG, of reduced images
COUNTED = ["rows", "samples", "images", "bad", "bad_rows", "left_out", "files", "bytes"]
EMPTY = dict.fromkeys([*COUNTED, "shards", "unit", "unit_rows"], 0) | {"finished": False}
COLUMNS = ["source", "paper_set", "paper", "licence", "commit", *COUNTED, "reason"]
# code that samples follow from
MADE_BY = ["centurio_lib.data.hub.ingest", "centurio_lib.data.hub.convert", "centurio_lib.data.parquet_rows",
           "centurio_lib.image_file"]


def build(folder: Path, stage: str, options: Sources | None) -> pd.DataFrame:
    """Take in the data sets of a stage ("pretrain", "instruct"), none where a profile names no sources.

    Returns what came of each: samples, images, bad ones, rows left out, beside the paper's number. A data set that is
    broken or has another layout is left out with its `reason`; the others are taken in, also where one is not at hand.

    Raises catalogue.CatalogueError for an unknown or missing data set and OSError for too little disk, both
    before any work; hub.HubError at the end for those that are not at hand; convert.SourceError where all are broken.
    """
    chosen = [catalogue.entry(name, stage) for name in getattr(options, stage)] if options else []
    _space(folder, chosen, options)
    rows, away = [], []
    for entry in chosen:
        try:
            done, reason = take_in(folder / entry.name, entry, options), ""
        except hub.HubError as error:
            away.append(str(error))
            continue
        except convert.SourceError as error:
            shutil.rmtree(folder / entry.name, ignore_errors=True)  # half of it is no part of a mix
            done, reason = EMPTY, str(error)
        rows.append(_came_of(entry, done, reason))
        print(f"{stage}: {_said(entry, done, reason)}", flush=True)
    table = pd.DataFrame(rows, columns=COLUMNS)
    if away:
        raise hub.HubError("\n".join([*away, f"The other {len(rows)} data sets of {stage} are taken in and stay."]))
    if len(table) and table.reason.ne("").all():
        raise convert.SourceError("\n".join(table.reason))
    return table


def _came_of(entry: Entry, done: dict, reason: str) -> dict:
    """A row of the table of data sets."""
    named = {"source": entry.name, "paper_set": entry.paper_set, "licence": entry.licence,
             "paper": 1000 * entry.thousands if entry.table else None, "commit": catalogue.commit(entry)}
    return named | {name: done[name] for name in COUNTED} | {"reason": reason}


def _said(entry: Entry, done: dict, reason: str) -> str:
    """One line on a data set."""
    if reason:
        return f"{entry.name} is LEFT OUT: {reason}"
    return (f"{entry.name}: {done['samples']} samples, {done['images']} images, {done['bad']} of them bad, "
            f"{done['bad_rows']} bad rows{named(done)}; {done['files']} files, {done['bytes'] / 1e9:.2f} GB")


def take_in(folder: Path, entry: Entry, options: Sources) -> dict:
    """Take in one data set, going on where an earlier run ended. Returns its counts. Raises SourceError for
    bad images.
    """
    done = _begun(folder, _key(entry, options))
    if done["finished"]:
        return done
    files = catalogue.files_of(entry)
    units = row_units(entry, files)
    raw_samples, archives = _raws(entry, files, units, done), _archives(entry, files)
    limit = options.limit(entry.stage, entry.name, entry.at_most)
    while block := list(_block(raw_samples, entry, archives, done, options, limit)):
        _write(folder, entry, block, done)
        if done["images"] >= ENOUGH:
            _tolerable(entry, done)
        storage.write_json(folder / "progress.json", done)
        _forget(entry, files, units[:done["unit"]], options)
    _tolerable(entry, done)
    done["finished"] = True
    storage.write_json(folder / "progress.json", done)
    _forget(entry, files, units, options)
    return done


def row_units(entry: Entry, files: hub.Listing) -> list[list[str]]:
    """Files whose rows are read together: each by itself, or all of a data set whose rows are gathered by a key."""
    data = [file for file in files.sizes if Path(file).suffix in convert.DATA]
    return [data] if convert.FORMS[entry.form].key else [[file] for file in data]


def _raws(entry: Entry, files: hub.Listing, units: list[list[str]], done: dict) -> Iterator[tuple[int, object]]:
    """Samples with the numbers of their units, from where an earlier run ended; each unit is fetched when reached."""
    first, skip = done["unit"], done["unit_rows"]
    for number, unit in enumerate(units[first:], first):
        content = [hub.fetch(files, file) for file in unit]
        done["files"] = sum(map(len, units[:number + 1]))
        done["bytes"] = sum(files.sizes[file] for part in units[:number + 1] for file in part)
        for raw in islice(convert.samples(entry, content), skip if number == first else 0, None):
            yield number, raw


def _forget(entry: Entry, files: hub.Listing, units: list[list[str]], options: Sources) -> None:
    """Remove files whose images were all taken in, where the profile asks for that."""
    if not options.keep_files and "embedded" in entry.images:
        for file in (file for unit in units for file in unit):
            hub.forget(files, file)


def shard_files(folder: Path, number: int) -> tuple[Path, Path]:
    """The files of a shard of a data set: its samples, and their images."""
    return folder / f"samples-{number:05d}.parquet", folder / f"images-{number:05d}.arrow"


def sample_files(folder: Path) -> list[Path]:
    """The files of samples that were taken in under a folder."""
    return sorted(Path(folder).glob("*/samples-*.parquet"))


def image_files(folder: Path) -> list[Path]:
    """The files of images beside them."""
    return sorted(Path(folder).glob("*/images-*.arrow"))


def glimpse(folder: Path, n: int) -> list[tuple]:
    """The first sample of up to `n` data sets: (row of `samples`, its images as bytes)."""
    data_sets, first = sorted({path.parent for path in sample_files(folder)}), []
    for data_set in data_sets[:n]:
        samples, images = shard_files(data_set, 0)
        row = next(tables.read(samples, "samples").itertuples())
        first.append((row, image_store.Mapped([images])[list(row.images)].image.tolist()))
    return first


def reduced(content: bytes, image_id: str, pixels: int) -> bytes:
    """An image as it is stored: as it came, or with a longer side of `pixels`. Raises ValueError for one that
    cannot be read.
    """
    image = image_file.read(content, image_id)
    if max(image.size) <= pixels:
        return content
    image.thumbnail((pixels, pixels), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


def _block(
    raw_samples: Iterator, entry: Entry, archives: Images, done: dict, options: Sources, limit: int | None
) -> Iterator[tuple]:
    """One shard's samples with their images, counted in `done`; (None, []) for a row that gives none."""
    for _ in range(options.shard_size):
        if limit is not None and done["samples"] >= limit:
            return
        number, raw = next(raw_samples, (None, None))
        if number is None:
            return
        sample_id = f"{entry.name}/{done['rows']}"
        done["rows"] += 1
        done["unit_rows"] = done["unit_rows"] + 1 if number == done["unit"] else 1
        done["unit"] = number
        if isinstance(raw, convert.Bad):
            done["bad_rows"] += 1
            _example(done, f"{sample_id}: {raw.reason}")
            yield None, []
            continue
        images = [] if raw is None else _images(raw.images, sample_id, archives, done, options.max_image_size)
        if raw is None or images is None:
            done["left_out"] += raw is None
            yield None, []
            continue
        done["samples"] += 1
        yield _row(raw, sample_id, entry), images


def _images(images_or_names: list, sample_id: str, archives: Images, done: dict, pixels: int) -> list[bytes] | None:
    """A sample's images, None where one is bad."""
    contents = []
    for number, image in enumerate(images_or_names):
        done["images"] += 1
        try:
            contents.append(
                reduced(archives.read(image) if isinstance(image, str) else image, f"{sample_id}/{number}", pixels)
            )
        except (KeyError, ValueError, TypeError) as error:
            done["bad"] += 1
            _example(done, f"{sample_id}/{number}: {error}")
            return None
    return contents


def _example(done: dict, reason: str) -> None:
    done["examples"] = [*done.get("examples", []), reason[:160]][:5]


def named(done: dict) -> str:
    """Name the first bad row for a message; "" without bad rows."""
    return f"; first: {'; '.join(done['examples'])}" if done.get("examples") else ""


def _row(raw: convert.Raw, sample_id: str, entry: Entry) -> dict:
    return {
        "sample_id": sample_id,
        "source": entry.name,
        "images": [f"{sample_id}/{n}" for n in range(len(raw.images))],
        "language": raw.language,
        "turns": [{"role": role, "text": text} for role, text in raw.turns],
        "text_heavy": entry.text_heavy,
        "translatable": entry.translated and raw.language == "en",
    }


def _write(folder: Path, entry: Entry, block: list[tuple], done: dict) -> None:
    """Images first, then the samples that name them."""
    rows = [row for row, _ in block if row]
    images = [image for row, contents in block if row for image in contents]
    of_samples, of_images = shard_files(folder, done["shards"])
    image_store.write_mapped(of_images, [image_id for row in rows for image_id in row["images"]], images)
    tables.write(of_samples, "samples", pd.DataFrame(rows, columns=tables.SCHEMAS["samples"].names))
    done["shards"] += 1


def _key(entry: Entry, options: Sources) -> str:
    """Key of a data set's samples: digest of its catalogue row, options and code."""
    code = [code_digest.module_digest(name) for name in MADE_BY]
    limit = options.limit(entry.stage, entry.name)
    return storage.digest([code, options.max_image_size, limit, options.shard_size, entry._asdict()])


def _begun(folder: Path, key: str) -> dict:
    """Counts of a data set's complete shards; removes files of other params or of a killed run."""
    path = folder / "progress.json"
    done = storage.read_json(path) if path.exists() else {}
    if done.get("key") != key:
        shutil.rmtree(folder, ignore_errors=True)
        return EMPTY | {"key": key}
    whole = {file for number in range(done["shards"]) for file in shard_files(folder, number)}
    for file in {*folder.glob("samples-*.parquet"), *folder.glob("images-*.arrow")} - whole:
        file.unlink()
    return done


def _archives(entry: Entry, files: hub.Listing) -> Images:
    named = [name for name in entry.images if name not in ("embedded", "own", "none")]
    archives = [path for name in named for path in catalogue.fetched_archive(name)]
    if "own" in entry.images:
        archives += [hub.fetch(files, file) for file in files.sizes if Path(file).suffix not in convert.DATA]
    return Images(archives)


def _tolerable(entry: Entry, done: dict) -> None:
    if done["bad_rows"] > max(1, MAX_BAD * done["rows"]):
        raise convert.SourceError(
            f"data set {entry.name}: {done['bad_rows']} of {done['rows']} rows are damaged or have another form, more "
            f"than {MAX_BAD:.0%}: fetch it again, or correct its form in the catalogue{named(done)}"
        )
    if done["bad"] > MAX_BAD * done["images"]:
        raise convert.SourceError(
            f"data set {entry.name}: {done['bad']} of {done['images']} images cannot be read, more than "
            f"{MAX_BAD:.0%}: fetch its images again ({', '.join(entry.images)}). First: {'; '.join(done['examples'])}"
        )


def _space(folder: Path, chosen: list[Entry], options: Sources | None) -> None:
    """Raises OSError where the disk cannot hold the images to come, before anything is fetched."""
    to_come = [_left(folder / e.name, e, options) for e in chosen if e.images != ["none"]]
    folder.mkdir(parents=True, exist_ok=True)
    free, needed = shutil.disk_usage(folder).free, sum(to_come) * (stored_bytes(options) if options else 0)
    if needed > free:
        raise OSError(
            f"{folder}: about {needed / 1e9:.0f} GB are wanted for images, {free / 1e9:.0f} GB are free: "
            "set CENTURIO_HOME "
            "to a larger disk, or lower data.sources.at_most or max_image_size"
        )


def stored_bytes(options: Sources) -> float:
    """Bytes of a stored image, about: as many as its pixels ask for."""
    return IMAGE_BYTES * min(1.0, (options.max_image_size / REDUCED_TO) ** 2)


def _left(folder: Path, entry: Entry, options: Sources) -> int:
    """Samples of a data set that are still to be taken in, about."""
    path = folder / "progress.json"
    done = storage.read_json(path) if path.exists() else {}
    limit, published = options.limit(entry.stage, entry.name, entry.at_most), 1000 * entry.thousands
    number = published if limit is None else min(limit, published)
    if done.get("key") != _key(entry, options):
        return number
    return 0 if done["finished"] else max(0, number - done["samples"])
