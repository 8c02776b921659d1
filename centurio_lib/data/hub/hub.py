"""Data sets and models of the Hugging Face hub, and archives of images from elsewhere: fetched once, checked, resumed.

Everything lands under `data/datasets/` (`CENTURIO_DATASETS`), a data set under its own name. A file under `.complete/`
lists the files of a data set at one commit, with bytes and sha256 where the hub states it. Each file is fetched when it
is first read. What is there whole is not asked for again, so that a machine without network works with what was copied
there; `{}` in the place of a list says that all of it lies there.
"""

import shutil
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from huggingface_hub import HfApi, HfFileSystem, hf_hub_download, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HTTPError,
    IncompleteSnapshotError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from centurio_lib import file_name, paths, storage
from centurio_lib.data.hub import archives, patience

CHUNK, PART = 1 << 20, 4 << 20  # bytes read at a time: of a download, of a file that stays at the hub
# what transformers reads weights from; without either of both it would look for pickled ones
WEIGHTS = ["model.safetensors", "model.safetensors.index.json"]
READY = "model.bin"  # weights in CTranslate2's own format, which are not pickled
MODEL_FILES = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja", READY]  # no pickled weights


class HubError(RuntimeError):
    """A data set, model or archive cannot be had; the message says which licence to accept or what to put
    where.
    """


def model(name: str, revision: str | None = None, weights: bool = True, ready: bool = False) -> Path:
    """Folder of a model: a local one, else fetched from the hub at a commit or a reference ("refs/pr/1").

    `ready`: a model that was converted for CTranslate2 will do. Raises HubError, also for a missing folder, and where
    `weights` are asked for and are pickled alone.
    """
    folder = paths.model(name)
    if not folder and file_name.is_folder(name):
        raise HubError(f"model {name}: {Path(name).expanduser()} holds no config.json: name a folder that does, from "
                       f"{paths.REPO} on, or a model of the hub as owner/name")
    folder = folder or _fetched(name, revision)
    if weights and not any((folder / name).exists() for name in WEIGHTS) and not (ready and is_ready(folder)):
        raise HubError(
            f"model {name} ({folder}) holds no *.safetensors, and pickled weights are not read: name a revision that "
            "has them (the hub's conversions are commits under refs/pr/ of a model), or convert them once:\n"
            + _conversion(name, revision, folder)
        )
    return folder


def is_ready(folder: Path) -> bool:
    """Say whether a folder holds a model as CTranslate2's converters write it."""
    return (folder / READY).is_file() and any(folder.glob("shared_vocabulary.*"))


def _fetched(name: str, revision: str | None) -> Path:
    with explained(
        f"model {name}",
        f"https://huggingface.co/{name}",
        "its own",
        f"hf download {name} --revision {revision or 'main'} --local-dir {paths.DATASETS / name}",
    ):
        return Path(patience.patient(
            lambda: snapshot_download(name, revision=revision, allow_patterns=MODEL_FILES), f"model {name}"))


def _conversion(name: str, revision: str | None, folder: Path) -> str:
    """A command that writes a model's weights as safetensors to where `model` finds them before the hub's."""
    local = paths.model(name)
    kind = storage.read_json(folder / "config.json").get("architectures", ["AutoModel"])[0]
    source = f"'{local}'" if local else f"'{name}', revision='{revision or 'main'}'"
    target = local or paths.DATASETS / name
    return (
        f"python -c \"import transformers as t; t.{kind}.from_pretrained({source}).save_pretrained('{target}'); "
        f"t.AutoTokenizer.from_pretrained({source}).save_pretrained('{target}')\""
    )


class Listing(NamedTuple):
    """Files of a data set: names with their bytes, and the sha256 of those of which the hub states it.

    `commit` is None for what was put there by hand.
    """

    name: str
    repo: str
    commit: str | None
    licence: str
    sizes: dict[str, int]
    sha256: dict[str, str]

    @property
    def home(self) -> Path:
        """Folder of the data set."""
        return paths.DATASETS / self.repo


def listing(name: str, repo: str, revision: str, patterns: list[str], licence: str) -> Listing:
    """The files of a data set that match patterns, in order, as the hub or an earlier listing names them.

    Raises HubError where the data set is gated, unreachable, or holds none of them.
    """
    marker = marker_of(name, repo)
    if not marker.exists():
        with explained(f"data set {name} ({repo})", f"https://huggingface.co/datasets/{repo}", licence,
                       by_hand(name, repo, revision, patterns)):
            found = patience.patient(lambda: ask(repo, revision, patterns), f"{repo}: list of files")
        storage.write_json(marker, found)
    return listed(name, repo, patterns, licence)


def marker_of(name: str, repo: str) -> Path:
    """The file that lists a data set's files once the hub was asked."""
    return paths.DATASETS / repo / ".complete" / f"{name}.json"


def listed(name: str, repo: str, patterns: list[str], licence: str) -> Listing:
    """The files of a data set that an earlier listing names. Raises HubError where none matches."""
    home, marker = paths.DATASETS / repo, marker_of(name, repo)
    stated = storage.read_json(marker)
    sizes = stated.get("files") or {path.relative_to(home).as_posix(): path.stat().st_size
                                    for path in home.rglob("*") if path.is_file()}
    matching = {file: sizes[file] for file in sorted(sizes) if any(fnmatch(file, pattern) for pattern in patterns)}
    if not matching:
        raise HubError(f"{home} holds no file like {patterns}: remove {marker} and run this again")
    return Listing(name, repo, stated.get("commit"), licence, matching, stated.get("sha256", {}))


def ask(repo: str, revision: str, patterns: list[str]) -> dict:
    """Ask the hub for a data set's commit, and for bytes and sha256 of its files. Raises HubError if none matches."""
    info = HfApi().dataset_info(repo, revision=revision, files_metadata=True)
    files = [file for file in info.siblings if any(fnmatch(file.rfilename, pattern) for pattern in patterns)]
    if not files:
        raise HubError(
            f"{repo} at {info.sha} holds no file like {patterns}: its layout has changed, correct the catalogue"
        )
    return {"commit": info.sha, "files": {file.rfilename: file.size for file in files},
            "sha256": {file.rfilename: file.lfs.sha256 for file in files if file.lfs}}


def by_hand(name: str, repo: str, revision: str, patterns: list[str]) -> str:
    """Commands that fetch a data set by hand, on a machine that reaches the hub, at the pinned revision."""
    included = " ".join(f"--include '{pattern}'" for pattern in patterns)
    return (f"hf download {repo} --repo-type dataset --revision {revision} {included} --local-dir "
            f"{paths.DATASETS / repo}\nand afterwards write {{}} to {marker_of(name, repo)}")


def fetch(files: Listing, file: str) -> Path:
    """One file of a data set, fetched where it is not there whole; a download goes on where it broke off.

    Raises HubError where it is unreachable or damaged, OSError for too little disk.
    """
    path = files.home / file
    there = path.exists()
    if there and (files.commit is None or path.stat().st_size == files.sizes[file]):
        return path
    if files.commit is None:
        raise HubError(f"{path} was put there by hand and is gone: put it there again")
    if there:
        print(f"{path} has {path.stat().st_size} of {files.sizes[file]} bytes: it is fetched again", flush=True)
        path.unlink()
    _room(files.home, files.sizes[file], file)
    with explained(f"data set {files.name} ({files.repo})", f"https://huggingface.co/datasets/{files.repo}",
                   files.licence, by_hand(files.name, files.repo, files.commit, [file])):
        patience.patient(lambda: hf_hub_download(files.repo, file, repo_type="dataset", revision=files.commit,
                                                 local_dir=files.home), f"{files.repo}/{file}")
    stated = files.sha256.get(file)
    _check(path, f"sha256:{stated}" if stated else "", f"{files.repo}/{file}")
    return path


def forget(files: Listing, file: str) -> None:
    """Remove a fetched file whose content is kept elsewhere; what was put there by hand stays."""
    if files.commit is not None:
        (files.home / file).unlink(missing_ok=True)


def dataset(name: str, repo: str, revision: str, patterns: list[str], licence: str) -> list[Path]:
    """Files of a data set that match patterns, in order, fetched where they are not there yet.

    Raises HubError where it is gated, unreachable or damaged, or holds none of them.
    """
    files = listing(name, repo, revision, patterns, licence)
    return [fetch(files, file) for file in files.sizes]


def first_rows(files: Listing, columns: list[str], n: int) -> Path:
    """Parquet file with the first rows of a data set: parts of its first file, read where it lies.

    A file that is on this machine is returned itself. Raises HubError where the hub is unreachable, KeyError for a
    missing column.
    """
    first = next(iter(files.sizes))
    if (files.home / first).exists() or files.commit is None:
        return fetch(files, first)
    path = files.home / ".first" / f"{files.name}-{n}.parquet"
    if not path.exists():
        with explained(f"data set {files.name} ({files.repo})", f"https://huggingface.co/datasets/{files.repo}",
                       files.licence, by_hand(files.name, files.repo, files.commit, [first])):
            table = patience.patient(lambda: _remote_rows(files, first, columns, n), f"{files.repo}/{first}")
        with storage.atomic(path) as temporary:
            pq.write_table(table, temporary)
    return path


def _remote_rows(files: Listing, file: str, columns: list[str], n: int) -> pa.Table:
    with HfFileSystem().open(f"datasets/{files.repo}/{file}", revision=files.commit, block_size=PART) as remote:
        content = pq.ParquetFile(remote)
        if lacking := [name for name in columns if name not in content.schema_arrow.names]:
            raise KeyError(f"{files.repo}/{file} lacks columns {lacking}; it has {content.schema_arrow.names}")
        batches, rows = [], 0
        for batch in content.iter_batches(batch_size=min(n, 1000), columns=columns):
            batches.append(batch)
            if (rows := rows + len(batch)) >= n:
                break
    return pa.Table.from_batches(batches, content.schema_arrow.empty_table().select(columns).schema).slice(0, n)


def fetched_commit(name: str, repo: str) -> str | None:
    """The commit of a fetched data set; None for a missing one or one put there by hand."""
    marker = marker_of(name, repo)
    return storage.read_json(marker).get("commit") if marker.exists() else None


def archive(url: str, path: Path, checksum: str, licence: str) -> Path:
    """An archive from elsewhere, its download resumed where it broke off. `checksum`: "md5:...", "sha256:..."
    or empty.

    Raises HubError where it is unreachable or damaged.
    """
    if not path.exists():
        part = path.with_name(path.name + ".part")
        with explained(f"archive {path.name}", url, licence, f"a download of {url} to {path}"):
            patience.patient(lambda: _resumed(url, part), f"archive {path.name}")
        _check(part, checksum, url)
        if not checksum and not archives.whole(part, path):
            begins = part.read_bytes()[:40]
            part.unlink()
            raise HubError(f"archive {path.name}: {url} sent no {archives.kind(path)}, but {begins!r}..., "
                           f"perhaps a page to log in (licence: {licence}): put the archive at {path} by hand")
        part.rename(path)
    return path


@contextmanager
def explained(what: str, where: str, licence: str, command: str) -> Iterator[None]:
    """Turn errors of hub and network within the block into a HubError that says what to do."""
    by_hand = f"on a machine that reaches it:\n{command}"
    try:
        yield
    except GatedRepoError as error:
        raise HubError(
            f"{what} is gated: log in at {where}, accept its licence ({licence}), then `hf auth login` here and "
            "run this again"
        ) from error
    except RevisionNotFoundError as error:
        raise HubError(
            f"{what} lacks the revision asked for: see {where} and correct it in the catalogue or profile"
        ) from error
    except RepositoryNotFoundError as error:
        raise HubError(f"{what} is not there, or not for those who are not logged in: see {where}") from error
    except (
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        HTTPError,
        IncompleteSnapshotError,
        urllib.error.URLError,
        ConnectionError,
        TimeoutError,
    ) as error:
        raise HubError(
            f"{what} is not reachable ({type(error).__name__}; licence: {licence}). Fetch it {by_hand}"
        ) from error


def _room(folder: Path, size: int, what: str) -> None:
    """Raises OSError where the disk cannot hold a file."""
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if size > free:
        raise OSError(f"{folder}: {what} has {size / 1e9:.2f} GB, {free / 1e9:.2f} GB are free: set CENTURIO_DATASETS "
                      "to a larger disk, or data.sources.keep_files: false in the profile")


def _resumed(url: str, part: Path) -> None:
    """Download to a file, from where it ends."""
    part.parent.mkdir(parents=True, exist_ok=True)
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        reply = urllib.request.urlopen(request, timeout=60)
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # nothing is left to fetch
            return
        raise
    with reply, part.open("ab" if reply.status == 206 else "wb") as file:
        while chunk := reply.read(CHUNK):
            file.write(chunk)
        if reply.length:  # bytes that the server promised and did not send
            raise ConnectionError(f"{url} broke off {reply.length} bytes before its end: run this again to go on")


def _check(path: Path, checksum: str, what: str) -> None:
    algorithm, _, stated = checksum.partition(":")
    if not checksum:
        return
    digest = storage.file_digest(path, algorithm)
    if digest != stated:
        path.unlink()
        raise HubError(
            f"{what} arrived damaged ({algorithm} {digest[:12]}..., {stated[:12]}... is stated): it was removed, "
            "run this again"
        )
