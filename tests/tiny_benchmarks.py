"""Miniatures of third-party benchmarks, written in their true layouts: real column names, pictures as they are stored.

Every set has a few items in two or three languages. Hub data sets are parquet files named as on the hub, with pictures
as structs of bytes and path; the others are JSON and picture files as their archives unpack.
"""

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

N = 4  # items of a language


def picture(name: str, kind: str = "JPEG") -> bytes:
    """A small picture that is another one for each name."""
    random = np.random.default_rng(sum(map(ord, name)) * 7919 + len(name))
    buffer = io.BytesIO()
    Image.fromarray(random.integers(0, 256, (20, 28, 3), dtype=np.uint8)).save(buffer, kind)
    return buffer.getvalue()


def held(name: str) -> dict:
    """A picture as the hub stores it."""
    return {"bytes": picture(name), "path": None}


def table(path: Path, rows: list[dict]) -> None:
    """A parquet file of the hub."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=3)


def lines(path: Path, records: list[dict]) -> None:
    """A file of JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(json.dumps(record, ensure_ascii=False) for record in records) + "\n", encoding="utf-8")


def file(path: Path) -> None:
    """A picture file; PNG where it is named so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(picture(str(path), "PNG" if path.suffix == ".png" else "JPEG"))


CAPTIONS = {"en": ["two dogs run on the grass", "a red boat on a lake", "people at a market",
                   "an old house by the sea"],
            "th": ["สุนัขสองตัวนั่งอยู่บนพื้นหญ้า", "เรือสีแดงในทะเลสาบ", "ผู้คนที่ตลาด", "บ้านเก่าริมทะเล"],
            "quz": ["iskay allqukuna pampapi", "puka wamp'u qochapi", "runakuna qhatupi",
                    "mawk'a wasi mamaqocha patapi"]}


def xm3600(root: Path) -> None:
    for code, captions in CAPTIONS.items():
        table(root / f"data/{code}-00000-of-00001.parquet", [
            {"image_id": f"img{i}", "image_locale": code, "captions": [text, f"{text}, {captions[0].split()[0]}"],
             "captions_tokenized": [text], "captions_tokenized_lowercase": [text], "image": held(f"xm{i}")}
            for i, text in enumerate(captions)])


def maxm(root: Path) -> None:
    for code in ("en", "iw"):
        table(root / f"data/{code}-00000-of-00001.parquet", [
            {"image_id": f"m{i}", "image_url": "http://localhost/x.jpg", "question_id": f"{code}{i}",
             "question": f"what is {i}?", "answers": ["dog"], "processed_answers": ["dog", "a dog", f"dog {i}"],
             "is_collection": False, "method": "dp", "image": held(f"maxm{i}")} for i in range(N)])
    table(root / "data/en_yesno-00000-of-00001.parquet", [{"question": "not asked"}])


def xgqa(root: Path) -> None:
    for code in ("en", "de"):
        table(root / f"data/{code}-00000-of-00001.parquet", [
            {"question": f"{code} question {i}?", "answer": ["yes", "no", "yes", "left"][i],
             "full_answer": "Yes, it is.", "image_id": f"n{i // 2}", "image": held(f"gqa{i // 2}")} for i in range(N)])


def xvnli(root: Path) -> None:
    golds = ["entailment", "neutral", "-", "contradiction"]
    for code in ("en", "fr"):
        lines(root / f"annotations/{code}/test.jsonl", [
            {"gold_label": gold, "sentence1": "caption", "sentence2": f"{code} statement {i}",
             "captionID": f"{i}.jpg#0", "pairID": f"{i}.jpg#0r1c", "Flikr30kID": str(i)}
            for i, gold in enumerate(golds)])
    for i in range(N):
        file(root / f"images/{i}.jpg")


def marvl(root: Path) -> None:
    for code in ("sw", "ta"):
        records = [{"concept": "81-Dawati", "language": code, "caption": f"picha {i}", "left_img": f"81-{i}.jpg",
                    "right_img": f"81-{i + 1}.jpg", "chapter": "Cognition", "id": f"{code}-{i}", "label": bool(i % 2)}
                   for i in range(N)]
        lines(root / f"annotations/marvl-{code}.jsonl", records)
        for i in range(N + 1):
            file(root / f"images/{code}/images/81-Dawati/81-{i}.jpg")
    lines(root / "nlvr2/test1.json", [
        {"identifier": f"test1-{i}-0-1", "sentence": f"sentence {i}", "label": str(i % 2 == 0), "left_url": "",
         "right_url": ""} for i in range(N)])
    for i in range(N):
        for side in (0, 1):
            file(root / f"nlvr2/test1/test1-{i}-0-img{side}.png")


def m5_vgr(root: Path) -> None:
    for code in ("en", "ber"):
        table(root / f"data/{code}-00000-of-00001.parquet", [
            {"sample_id": f"s{i}", "language": code, "topic": "cup", "hypothesis": f"statement {i}",
             "label": i % 2 == 0, "image_a": held(f"{code}a{i}"), "image_b": held(f"{code}b{i}")} for i in range(N)])


def m5_vlod(root: Path) -> None:
    for code in ("en", "ber"):
        table(root / f"data/{code}-00000-of-00001.parquet", [
            {"sample_id": f"s{i}", "language": code, "topic": "cup", "hypothesis": f"statement {i}", "label": i}
            | {f"image_{k}": held(f"{code}{i}{k}") for k in range(1, 6)} for i in range(N)])


def mtvqa(root: Path) -> None:
    rows = [{"image": held(f"{lang}{i}"), "id": f"{i}.jpg", "lang": lang,
             "qa_pairs": str([{"question": f"{lang} {i}?", "answer": "Straße"},
                              {"question": "it's?", "answer": "it's"}])}
            for lang in ("DE", "KR") for i in range(N)]
    table(root / "data/test-00000-of-00002.parquet", rows[:3])
    table(root / "data/test-00001-of-00002.parquet", rows[3:])


def m3exam(root: Path) -> None:
    sets = {"english": [("(1) a", "(2) (image)[image-2.png]", "(3) c", "(4) d"), "2", "Look: (image)[image-1{i}.jpg]"],
            "thai": [("1. ก", "2. ข", "3. ค", "4. ง", "5. จ"), "๔", "(image)[image-1{i}.jpg] ดู"],
            "chinese": [("A．甲", "B．乙", "C．丙", "D．丁"), "C", "看图(image)[image-1{i}.jpg]"]}
    for spoken, (options, answer, text) in sets.items():
        path = root / f"{spoken}-questions-image.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps([
            {"question_text": text.replace("{i}", str(i)), "background_description": ["given"] * (i % 2),
             "answer_text": answer, "options": list(options), "need_image": "yes", "language": spoken,
             "level": "mid", "subject": "math", "subject_category": "math", "year": "2006"}
            for i in range(N)], ensure_ascii=False), encoding="utf-8")
        for name in [*(f"image-1{i}.jpg" for i in range(N)), "image-2.png"]:
            file(root / f"images-{spoken}/{name}")


def xmmmu(root: Path) -> None:
    for code, name in {"ar": "translated_MMMU_val_300_with_image_Arabic", "en": "en-00000-of-00001"}.items():
        kinds = [("Is <image 1> like <image 2>?", "['one', 'two', 'three', 'four']", "B"),
                 ("What is it?", "['x', '<image 1>']", "A"),
                 ("Which?", "['a', 'b', 'c', 'd', 'e']", "E"), ("How many?", "[]", "['6', 'six']")]
        table(root / f"data/{name}.parquet", [
            {"id": f"validation_{i}", "question": question, "options": options, "explanation": "", "img_type": "['x']",
             "answer": answer, "topic_difficulty": "Easy",
             "question_type": "multiple-choice" if options != "[]" else "open", "subfield": "x"}
            | {f"image_{k}": held(f"{code}{i}{k}") if k <= 1 + (i == 0) else None for k in range(1, 8)}
            for i, (question, options, answer) in enumerate(kinds)])


CLASSES = ["tench", "tiger shark", "great white shark", "hammerhead shark", "goldfish", "rooster"]


def bin_mc(root: Path) -> None:
    root.mkdir(parents=True, exist_ok=True)
    (root / "babel_imagenet.py").write_text(f"import json\n\nopenai_en_classes = {CLASSES!r}\nx = json.dumps(1)\n")
    names = {"NL": [[0, 1, 2, 3, 4], ["zeelt", "tijgerhaai", "witte haai", "hamerhaai", "goudvis"]],
             "ZU": [[0, 5], ["inhlanzi", "iqhude"]]}
    (root / "babel_imagenet-298.json").write_text(json.dumps(names))
    table(root / "data/validation-00000-of-00001.parquet",
          [{"image": held(f"bin{i}"), "label": i % 6} for i in range(72)])


def cvqa(root: Path) -> None:
    rows = [{"image": held(f"cv{subset}{i}"), "ID": f"{abs(sum(map(ord, subset)))}_{i}", "Subset": subset,
             "Question": f"question {i}?", "Translated Question": "?",
             "Options": ["a", "b", "c", "d"], "Translated Options": ["a", "b", "c", "d"],
             "Label": i, "Category": "x", "Image Type": "Self", "Image Source": "x", "License": "CC0"}
            for subset in ("('Korean', 'South Korea')", "('Sinhala', 'Sri_Lanka')", "('Egyptian_Arabic', 'Egypt')")
            for i in range(N)]
    table(root / "data/test-00000-of-00001.parquet", rows)


# writer of each, and the languages that its miniature has
SETS: dict[str, tuple[Callable[[Path], None], list[str]]] = {
    "xm3600": (xm3600, ["en", "th", "quz"]), "maxm": (maxm, ["en", "he"]), "xgqa": (xgqa, ["en", "de"]),
    "xvnli": (xvnli, ["en", "fr"]), "marvl": (marvl, ["en", "sw", "ta"]), "m5_vgr": (m5_vgr, ["en", "ber"]),
    "m5_vlod": (m5_vlod, ["en", "ber"]), "mtvqa": (mtvqa, ["de", "ko"]), "m3exam": (m3exam, ["en", "th", "zh"]),
    "xmmmu": (xmmmu, ["en", "ar"]), "bin_mc": (bin_mc, ["en", "nl"]),
    "cvqa": (cvqa, ["arz-egypt", "kor-south_korea", "sin-sri_lanka"])}


def write(root: Path) -> Path:
    """All miniatures, each in a folder of its name."""
    for name, (make, _) in SETS.items():
        make(root / name)
    return root
