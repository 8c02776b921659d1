"""Data sets and models of the Hugging Face hub, and archives of images from elsewhere: fetched once, checked, resumed.

Everything lands under `data/datasets/` (`CENTURIO_DATASETS`), a data set under its own name. What is there and complete
is not asked for again, so that a machine without network works with what was copied there. A marker under `.complete/`,
written last, says which commit was fetched, and which files with which sizes. A sha256 is compared where the hub states
one.
"""

import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path

from huggingface_hub import HfApi, hf_hub_download, snapshot_download
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
from centurio_lib.data.hub import archives

CHUNK = 1 << 20  # bytes
MODEL_FILES = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"]  # no pickled weights


class HubError(RuntimeError):
    """A data set, model or archive cannot be had; the message says which licence to accept or what to put
    where.
    """


def model(name: str, revision: str | None = None, weights: bool = True) -> Path:
    """Folder of a model: a local one, else fetched from the hub at a commit or a reference ("refs/pr/1").

    Raises HubError, also for a missing folder, and where `weights` are asked for and are pickled alone.
    """
    folder = paths.model(name)
    if not folder and file_name.is_folder(name):
        raise HubError(f"model {name}: {Path(name).expanduser()} holds no config.json: name a folder that does, from "
                       f"{paths.REPO} on, or a model of the hub as owner/name")
    folder = folder or _fetched(name, revision)
    if weights and not any(folder.glob("*.safetensors")):
        raise HubError(
            f"model {name} ({folder}) holds no *.safetensors, and pickled weights are not read: name a revision that "
            "has them (the hub's conversions are commits under refs/pr/ of a model), or convert them once:\n"
            + _conversion(name, revision, folder)
        )
    return folder


def _fetched(name: str, revision: str | None) -> Path:
    with explained(
        f"model {name}",
        f"https://huggingface.co/{name}",
        "its own",
        f"hf download {name} --revision {revision or 'main'} --local-dir {paths.DATASETS / name}",
    ):
        return Path(snapshot_download(name, revision=revision, allow_patterns=MODEL_FILES))


def _conversion(name: str, revision: str | None, folder: Path) -> str:
    """A command that writes a model's weights as safetensors to where `model` finds them before the hub's."""
    local = paths.model(name)
    kind = storage.read_json(folder / "config.json")["architectures"][0]
    source = f"'{local}'" if local else f"'{name}', revision='{revision or 'main'}'"
    target = local or paths.DATASETS / name
    return (
        f"python -c \"import transformers as t; t.{kind}.from_pretrained({source}).save_pretrained('{target}'); "
        f"t.AutoTokenizer.from_pretrained({source}).save_pretrained('{target}')\""
    )


def dataset(name: str, repo: str, revision: str, patterns: list[str], licence: str) -> list[Path]:
    """Files of a data set that match patterns, in order, fetched where they are not there yet.

    Raises HubError where it is gated, unreachable or damaged, or holds none of them.
    """
    home = paths.DATASETS / repo
    marker = home / ".complete" / f"{name}.json"
    if not marker.exists():
        included = " ".join(f"--include '{pattern}'" for pattern in patterns)
        with explained(
            f"data set {name} ({repo})",
            f"https://huggingface.co/datasets/{repo}",
            licence,
            f"hf download {repo} --repo-type dataset --revision {revision} {included} --local-dir {home}\n"
            f"and afterwards write {{}} to {marker}",
        ):
            _download(repo, revision, patterns, home, marker)
    return _present(home, marker, patterns)


def fetched_commit(name: str, repo: str) -> str | None:
    """The commit of a fetched data set; None for a missing one or one put there by hand."""
    marker = paths.DATASETS / repo / ".complete" / f"{name}.json"
    return storage.read_json(marker).get("commit") if marker.exists() else None


def archive(url: str, path: Path, checksum: str, licence: str) -> Path:
    """An archive from elsewhere, its download resumed where it broke off. `checksum`: "md5:...", "sha256:..."
    or empty.

    Raises HubError where it is unreachable or damaged.
    """
    if not path.exists():
        part = path.with_name(path.name + ".part")
        with explained(f"archive {path.name}", url, licence, f"a download of {url} to {path}"):
            _resumed(url, part)
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


def _download(repo: str, revision: str, patterns: list[str], home: Path, marker: Path) -> None:
    info = HfApi().dataset_info(repo, revision=revision, files_metadata=True)
    files = [file for file in info.siblings if any(fnmatch(file.rfilename, pattern) for pattern in patterns)]
    if not files:
        raise HubError(
            f"{repo} at {info.sha} holds no file like {patterns}: its layout has changed, correct the catalogue"
        )
    for file in files:
        path = Path(hf_hub_download(repo, file.rfilename, repo_type="dataset", revision=info.sha, local_dir=home))
        _check(path, f"sha256:{file.lfs.sha256}" if file.lfs else "", f"{repo}/{file.rfilename}")
    sizes = {file.rfilename: (home / file.rfilename).stat().st_size for file in files}
    storage.write_json(marker, {"commit": info.sha, "files": sizes})


def _present(home: Path, marker: Path, patterns: list[str]) -> list[Path]:
    """The files that a marker names, or, of one written by hand, all that match."""
    sizes = storage.read_json(marker).get("files", {})
    for name, size in sizes.items():
        if not (home / name).exists() or (home / name).stat().st_size != size:
            raise HubError(
                f"{home / name} is missing or has another size than the {size} bytes fetched: remove {marker} and "
                "run this again"
            )
    names = sizes or [str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()]
    paths_there = sorted(home / name for name in names if any(fnmatch(name, pattern) for pattern in patterns))
    if not paths_there:
        raise HubError(f"{home} holds no file like {patterns}: remove {marker} and run this again")
    return paths_there


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
