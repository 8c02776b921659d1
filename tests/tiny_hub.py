"""Miniatures of data sets of the hub, on disk in their true layout: columns, file names, archives and names
of images.
"""

import hashlib
import io
import json
import tarfile
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from centurio_lib import storage
from centurio_lib.data.hub import catalogue, hub

PLACE = {"aya": "CohereLabs/aya_dataset", "coco": "coco_train2017"}
COLOURS = ["red", "green", "blue", "white", "black", "yellow"]


def picture(n: int, side: int = 24, form: str = "JPEG") -> bytes:
    """An image of random pixels."""
    pixels = np.random.default_rng(n).integers(0, 256, (side, side + 4, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form)
    return buffer.getvalue()


def put(home: Path, repo: str, name: str, content: bytes) -> Path:
    """A file of a data set."""
    path = home / repo / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


COMMIT = "0123456789abcdef0123456789abcdef01234567"


def serve(monkeypatch, contents: dict[str, bytes], sha256: dict[str, str] | None = None) -> list[str]:
    """Stand in for the hub with files of one data set. Returns the names that are downloaded, as they come.

    `sha256`: what the hub states of some files in the place of the true one.
    """
    calls: list[str] = []
    stated = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()} | (sha256 or {})
    siblings = [SimpleNamespace(rfilename=name, size=len(content), lfs=SimpleNamespace(sha256=stated[name]))
                for name, content in contents.items()]

    def download(repo, name, repo_type, revision, local_dir):
        assert revision == COMMIT
        calls.append(name)
        return put(local_dir, ".", name, contents[name])

    info = SimpleNamespace(sha=COMMIT, siblings=siblings, gated=False)
    monkeypatch.setattr(hub, "HfApi", lambda: SimpleNamespace(dataset_info=lambda *_, **__: info))
    monkeypatch.setattr(hub, "hf_hub_download", download)
    return calls


def parquet(rows: list[dict]) -> bytes:
    """Rows as parquet, a few of them in a row group."""
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), buffer, row_group_size=8)
    return buffer.getvalue()


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(members: dict[str, bytes], mode: str = "w:") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def cauldron(n: int, images: int = 1, first: int = 0) -> bytes:
    """A part of The Cauldron: images with their bytes, all questions on them in one row."""
    return parquet(
        [
            {
                "images": [{"bytes": picture(first + 10 * i + k), "path": None} for k in range(images)],
                "texts": [
                    {
                        "user": f"What is number {i}?\nAnswer briefly.",
                        "assistant": f"It is {COLOURS[i % 6]}.",
                        "source": "x",
                    },
                    {
                        "user": f"How many things are on picture {first + i}?",
                        "assistant": str(i),
                        "source": "x",
                    },
                ],
            }
            for i in range(n)
        ]
    )


def chat(image: str | None, number: int, asked: str = "What do you see?") -> dict:
    """A conversation as LLaVA's files have it."""
    row = {
        "id": f"{number}",
        "conversations": [
            {"from": "human", "value": f"<image>\n{asked}"},
            {"from": "gpt", "value": f"A {COLOURS[number % 6]} thing. It is number {number}."},
            {"from": "human", "value": "Where is it?"},
            {"from": "gpt", "value": f"At place {number}."},
        ],
    }
    return row | ({"image": image} if image else {})


def as_json(rows: list[dict]) -> bytes:
    return json.dumps(rows).encode()


def coco(n: int) -> list[str]:
    return [f"{i:012}.jpg" for i in range(n)]


def write(home: Path, n: int = 24) -> Path:
    """All miniatures, each marked as complete."""
    place = {entry.name: entry.repo for entry in catalogue.entries().values()}
    for name, images in (("vqav2", 1), ("nlvr2", 2), ("ocrvqa", 1)):
        put(home, place[name], f"{name}/train-00000-of-00001.parquet", cauldron(n, images, 1000 * len(name)))
    names = [f"coco/train2017/{name}" for name in coco(n)]
    shared = [f"llava/llava_pretrain/images/{i:05}/{i:09}.jpg" for i in range(n)]
    sam = [f"sam/images/sa_{i}.jpg" for i in range(n)]
    put(
        home,
        place["sharegpt4v"],
        "share-captioner_coco_lcs_sam_1246k_1107.json",
        as_json([chat(image, i) for i, image in enumerate(names + shared + sam)]),
    )
    put(
        home,
        "coco_train2017",
        "train2017.zip",
        zipped({f"train2017/{name}": picture(i) for i, name in enumerate(coco(n))}),
    )
    put(
        home,
        "liuhaotian/LLaVA-Pretrain",
        "images.zip",
        zipped(
            {name.removeprefix("llava/llava_pretrain/images/"): picture(i) for i, name in enumerate(shared)}
        ),
    )
    put(
        home,
        "sam",
        "sa_000000.tar",
        tarred({f"./{Path(name).name}": picture(i) for i, name in enumerate(sam)}),
    )
    mixed = (
        [chat(f"gqa/images/{i}.jpg", i) for i in range(3)]
        + [chat(f"vg/VG_100K/{i}.jpg", i) for i in range(3)]
        + [
            chat(
                names[i],
                i,
                "Please provide the bounding box coordinate of the region this sentence describes: a dog.",
            )
            for i in range(3)
        ]
        + [chat(names[i], i) for i in range(3, 6)]
        + [chat(None, 7)]
    )
    put(home, place["gqa"], "llava_v1_5_mix665k.json", as_json(mixed))
    figures = [chat(f"geo3k/{i // 2}.png", i) for i in range(6)]
    put(home, place["geo170k"], "qa_tuning.json", as_json(figures))
    put(home, place["geo170k"], "images.zip", zipped({f"images/geo3k/{i}.png": picture(i) for i in range(3)}))
    lvis = [chat(f"{part}2017/{name}", 0) for part in ("train", "val") for name in coco(2)]
    put(home, place["lvis_instruct4v"], "lvis_instruct4v_220k.json", as_json(lvis))
    validation = {f"val2017/{name}": picture(n) for n, name in enumerate(coco(2), 900)}
    put(home, "coco_val2017", "val2017.zip", zipped(validation))
    put(home, "gqa", "images.zip", zipped({f"images/{i}.jpg": picture(i) for i in range(3)}))
    put(home, "vg_1", "images.zip", zipped({f"VG_100K/{i}.jpg": picture(i) for i in range(3)}))
    put(home, "vg_2", "images2.zip", zipped({f"VG_100K_2/{i}.jpg": picture(i) for i in range(9, 12)}))
    put(
        home,
        place["coco_captions"],
        "data/train.parquet",
        parquet(
            [
                {
                    "filepath": "train2014",
                    "filename": f"COCO_train2014_{i:012}.jpg",
                    "cocoid": i,
                    "sentences": [f"A dog {i}.", f"One {i}."],
                }
                for i in range(6)
            ]
        ),
    )
    put(
        home,
        place["arxivqa"],
        "arxivqa.jsonl",
        "\n".join(
            json.dumps(
                {
                    "id": f"q{i}",
                    "image": f"images/{i // 2}.jpg",
                    "options": ["A) one", "B) two"],
                    "question": f"Which {i}?",
                    "label": "B",
                    "rationale": "So.",
                }
            )
            for i in range(8)
        ).encode(),
    )
    put(
        home,
        place["arxivqa"],
        "images.tgz",
        tarred({f"images/{i}.jpg": picture(i) for i in range(4)}, "w:gz"),
    )
    put(
        home,
        place["screenqa"],
        "data/train-00000-of-00017.parquet",
        parquet(
            [
                {
                    "screen_id": str(i % 4),
                    "question": f"What is shown {i}?",
                    "ground_truth": [{"full_answer": f"A {COLOURS[i % 6]} button."}],
                    "file_name": f"{i % 4}.jpg",
                    "image": {"bytes": picture(i % 4), "path": None},
                }
                for i in range(8)
            ]
        ),
    )
    put(
        home,
        place["mathvision"],
        "data/test-00000-of-00001.parquet",
        parquet(
            [
                {
                    "id": str(i),
                    "question": "Which is larger?\n<image1>",
                    "options": ["1", "2"],
                    "image": f"images/{i}.jpg",
                    "answer": "B",
                    "decoded_image": {"bytes": picture(i), "path": None},
                }
                for i in range(3)
            ]
        ),
    )
    put(
        home,
        place["aya"],
        "data/train-00000-of-00001.parquet",
        parquet(
            [
                {
                    "inputs": f"Frage {i}?",
                    "targets": f"Antwort {i}.",
                    "language": "German",
                    "language_code": code,
                }
                for i, code in enumerate(["deu", "swh", "mlg", "eng", "zho"] * 2)
            ]
        ),
    )
    put(
        home,
        place["tagengo"],
        "data/train-00000-of-00001.parquet",
        parquet(
            [
                {"conversation_id": str(i), "conversations": chat(None, i)["conversations"], "language": name}
                for i, name in enumerate(["Arabic", "Mandarin", "Klingon"])
            ]
        ),
    )
    put(
        home,
        place["magpie_mt"],
        "data/train-00000-of-00001.parquet",
        parquet(
            [
                {
                    "uuid": str(i),
                    "conversations": [
                        {"from": "system", "value": "Be kind."},
                        *chat(None, i)["conversations"],
                    ],
                }
                for i in range(4)
            ]
        ),
    )
    put(
        home,
        place["magpie_ultra"],
        "data/train-00000-of-00001.parquet",
        parquet([{"instruction": f"Do {i}.", "response": f"Done {i}."} for i in range(4)]),
    )
    for entry in catalogue.entries().values():
        if entry.repo and (home / entry.repo).exists():
            storage.write_json(home / entry.repo / ".complete" / f"{entry.name}.json", {})
    storage.write_json(home / "liuhaotian/LLaVA-Pretrain" / ".complete" / "llava_pretrain.json", {})
    return home
