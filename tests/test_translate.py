"""Translation loses nothing, whatever the translator does, and both ways of running NLLB say the same.

Run with: pytest tests/test_translate.py
"""

import shutil
from pathlib import Path
from random import Random

import numpy as np
import pytest
import tiny_nllb
import torch
from ctranslate2.converters import TransformersConverter
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from centurio_lib import paths
from centurio_lib.data.hub import hub, sentences, translate, translators
from centurio_lib.data.hub.translators import TranslationError
from centurio_lib.params.hub_data import Translation
from centurio_lib.speed import translation as speed

OPTIONS = Translation(
    model="tiny", precision="float32", max_batch_tokens=400, shard_size=4, missing_languages={"la": "leave_out"}
)
BETWEEN = [
    " ",
    "\n",
    "\n\n",
    " <image> ",
    " **",
    "\n- ",
    " {name} ",
    "\r\n2. ",
    " <b>",
    "</b> ",
    " | ",
    " `code` ",
]


class Said:
    """A translator that writes in capitals, each sentence marked; `spoil` is what it does wrong."""

    longest = 60

    def __init__(self, spoil=lambda text: text):
        self.spoil, self.asked = spoil, []

    def length(self, texts):
        return [len(text.split()) for text in texts]

    def __call__(self, texts, target):
        self.asked += texts
        return [self.spoil(text.upper()) for text in texts]


def no_judge(texts, codes):
    return np.full(len(texts), np.nan)


def strings(n: int) -> list[str]:
    """Made-up strings of several sentences, with line breaks, mark-up, placeholders and numbers between and
    within.
    """
    random, known = Random(0), tiny_nllb.lines()
    return [
        "".join(
            part
            for _ in range(random.randint(2, 7))
            for part in (random.choice(known), random.choice(BETWEEN))
        )
        for _ in range(n)
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_nllb.checkpoint(tmp_path_factory.mktemp("nllb") / "nllb")


@pytest.fixture(scope="module")
def fast(folder):
    return translators.Fast(folder, OPTIONS, translators.converted(folder, folder.parent))


# === cutting and joining ===
@given(st.text(alphabet="aB. !?\n<>{}|*`$1,5-éن图。", max_size=80))
def test_the_pieces_of_any_text_are_the_text(text):
    pieces = sentences.pieces(text)
    assert "".join(piece.text for piece in pieces) == text
    assert all(
        any(map(str.isalpha, piece.text)) and piece.text == piece.text.strip()
        for piece in pieces
        if piece.translated
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Dr. Smith saw it, e.g. here. Then 3.5 m!", ["Dr. Smith saw it, e.g. here.", "Then 3.5 m!"]),
        ("<image>\nWhat is **this**?", ["What is", "this"]),
        ("1. One\n2. Two", ["One", "Two"]),
        ("See https://a.b/c?d now. 3 + 4 = 7", ["See", "now."]),
        ("It costs $5 or $6. $x^2 = 4$ holds.", ["It costs $5 or $6.", "holds."]),
    ],
)
def test_what_is_said_of_a_text(text, said):
    assert [piece.text for piece in sentences.pieces(text) if piece.translated] == said


def test_a_long_sentence_is_cut_and_loses_nothing():
    text = " ".join(["word"] * 300)
    cut = sentences.shorter(text, Said().length, 60)
    assert "".join(piece.text for piece in cut) == text and all(len(p.text.split()) <= 60 for p in cut)
    assert sentences.shorter("x" * 500, lambda texts: [99], 60) == [
        sentences.Piece("x" * 500, True)
    ]  # no place to cut


def test_numbers_are_the_same_in_any_digits():
    assert sentences.numbers("1,000 and 3.5") == sentences.numbers("٣٫٥ و ١٬٠٠٠") == ["1000", "3.5"]
    assert not sentences.faithful("2 dogs", "3 hunde") and not sentences.faithful("a", " ")
    assert not sentences.faithful("a", "b <image>") and sentences.faithful("2 dogs", "२ कुत्ते")


@pytest.mark.parametrize(("text", "numbers"), [
    ("3.5 m", ["3.5"]), ("35 m", ["35"]), ("3,5 m", ["3.5"]), ("-5", ["-5"]), ("−5", ["-5"]), ("3-5", ["3", "5"]),
    ("1/2", ["1/2"]), ("2/1", ["2/1"]), ("1,000,000", ["1000000"]), ("1.000.000", ["1000000"]), ("1,234.5", ["1234.5"]),
    ("12:30", ["12:30"]), ("COVID-19", ["19"]), ("(-2, -3)", ["-2", "-3"])])
def test_numbers_keep_sign_point_and_order(text, numbers):
    assert sentences.numbers(text) == numbers


@pytest.mark.parametrize(("source", "translation"), [
    ("3.5 m", "35 m"), ("-5 degrees", "5 grad"), ("1/2 cup", "2/1 tasse"), ("a dog", "hund " * 200),
    ("yes", "ja " * 40)])
def test_a_translation_that_changes_a_number_or_repeats_itself_is_not_faithful(source, translation):
    assert not sentences.faithful(source, translation) and sentences.faithful(source, source)


@pytest.mark.parametrize(("text", "said"), [
    ("B", []), ("(B)", []), ("B.", []), ("Answer: B.", ["Answer:"]), ("The answer is (B).", ["The answer is"]),
    ("A. a dog\nB. a cat", ["a dog", "a cat"]), ("(A) red\n(B) blue", ["red", "blue"]),
    ("The answer is: C", ["The answer is:"]),
    ("I see a cat.", ["I see a cat."]), ("Plan B is good.", ["Plan B is good."]), ("A dog.", ["A dog."])])
def test_letters_of_options_are_kept(text, said):
    pieces = sentences.pieces(text)
    assert [piece.text for piece in pieces if piece.translated] == said
    assert "".join(piece.text for piece in pieces) == text


# === nothing is lost ===
SPOILS = {
    "none": lambda text: text,
    "empty": lambda text: "",
    "numbers": lambda text: text.replace("1", "7"),
    "first": lambda text: text.split(". ")[0],
    "tags": lambda text: text + " <IMAGE>",
    "breaks": lambda t: t + "\nMORE",
}


@pytest.mark.parametrize("spoil", SPOILS)
def test_a_thousand_strings_lose_nothing_whatever_the_translator_does(spoil):
    texts, say = list(dict.fromkeys(strings(1000))), Said(SPOILS[spoil])
    done = translate.translated(texts, say, "de")
    for text, translation in zip(done.text, done.translation, strict=True):
        assert translation.casefold() == text.casefold()  # every sentence, number, tag and break, in order
    assert (done.sentences > 1).all() and bool((done.kept > 0).any()) == (
        spoil in ("empty", "tags", "breaks")
    )
    assert len(say.asked) < sum(done.sentences) and (spoil != "none" or len(say.asked) == len(set(say.asked)))


def test_numbers_that_a_translator_loses_are_put_back():
    done = translate.translated(
        ["We saw 12 dogs and 3 cats."], Said(lambda text: text.translate({49: 56, 51: None})), "de"
    )
    assert done.translation[0] == "WE SAW 12 DOGS AND 3 CATS." and done.kept[0] == 0


def test_nothing_is_lost_by_a_model(fast):
    """A thousand strings through the tiny checkpoint, which says nonsense: the frame of each text is left as
    it was.
    """
    texts = list(dict.fromkeys(strings(1000)))
    done = translate.translated(texts, fast, "de")
    kept = [[piece.text for piece in sentences.pieces(text) if not piece.translated] for text in texts]
    for text, translation, fixed in zip(texts, done.translation, kept, strict=True):
        place = 0
        for part in fixed:
            place = translation.index(part, place) + len(part)
        assert sentences.numbers(text) == sentences.numbers(translation)
    assert done.kept.sum() < done.sentences.sum()


def test_scripts_without_spaces_set_none_between_sentences():
    assert translate.translated(["One. Two.\nThree."], Said(), "zh").translation[0] == "ONE.TWO.\nTHREE."


# === two ways, one answer ===
@pytest.mark.parametrize(("beams", "tied"), [(1, False), (3, False), (1, True)])
def test_both_ways_say_the_same(folder, tmp_path, beams, tied):
    folder = tiny_nllb.checkpoint(tmp_path / "tied", tie_word_embeddings=True) if tied else folder
    options = OPTIONS.model_copy(update={"num_beams": beams})
    texts = [*tiny_nllb.lines(24), "Dog.", "The <unknown> ☃ word."]
    plain = translators.Plain(folder, options)
    fast = translators.Fast(folder, options, translators.converted(folder, tmp_path))
    for target in ("deu_Latn", "zho_Hant"):
        said = plain(texts, target)
        assert fast(texts, target) == said and len(set(said)) > (1 if tied else 12)
    assert plain(texts, "deu_Latn") != said


@pytest.fixture(scope="module")
def ready(folder, fast, tmp_path_factory):
    """The checkpoint as others publish it for CTranslate2: its weights in 8 bits, beside NLLB's tokenizer."""
    home = tmp_path_factory.mktemp("converted") / "nllb-ct2-int8"
    copied = ["tokenizer.json", "tokenizer_config.json"]
    TransformersConverter(str(folder), copy_files=copied).convert(str(home), quantization="int8")
    return home


def test_a_folder_that_is_ready_for_ctranslate2_translates_as_its_checkpoint_does(folder, ready, tmp_path):
    options = OPTIONS.model_copy(update={"model": str(ready), "precision": "int8"})
    assert translators.checkpoint(options) == ready and translators.converted(ready, tmp_path) == ready
    own = translators.Fast(folder, options, translators.converted(folder, tmp_path))
    texts = [*tiny_nllb.lines(24), "Dog."]
    assert translators.load(options, tmp_path / "unused")(texts, "deu_Latn") == own(texts, "deu_Latn")
    assert not (tmp_path / "unused").exists()


def test_a_ready_folder_is_refused_where_it_cannot_serve(ready, tmp_path):
    options = OPTIONS.model_copy(update={"model": str(ready), "engine": "transformers"})
    with pytest.raises(TranslationError, match=r"converted for CTranslate2.*engine: ctranslate2"):
        translators.load(options, tmp_path)
    bare = tmp_path / "bare"
    shutil.copytree(ready, bare, ignore=shutil.ignore_patterns("tokenizer*"))
    with pytest.raises(TranslationError, match=r"(?s)bare holds no tokenizer that loads .*put tokenizer\.json"):
        translators.load(options.model_copy(update={"model": str(bare), "engine": "ctranslate2"}), tmp_path)


def test_a_ready_folder_is_fetched_with_its_weights_and_no_others(ready, monkeypatch):
    asked = []
    monkeypatch.setattr(hub, "snapshot_download", lambda name, **options: asked.append(options) or str(ready))
    options = Translation(model="OpenNMT/nllb-ct2", revision="70f572a")
    assert translators.checkpoint(options) == ready and asked[0]["revision"] == "70f572a"
    assert "model.bin" in asked[0]["allow_patterns"] and "*.bin" not in asked[0]["allow_patterns"]


def test_speed_is_measured_of_all_ways(folder, tmp_path):
    table = speed.compared(folder, tmp_path, OPTIONS, tiny_nllb.lines(3), "deu_Latn", repeats=1)
    assert table.way.tolist() == ["transformers float32", "ctranslate2 float32", "ctranslate2 int8"]
    assert (table.tokens > 3).all() and (table.per_s > 0).all() and table.of_plain[0] == 1


def test_order_of_texts_and_size_of_batches_change_nothing(folder, fast):
    texts = tiny_nllb.lines(30)
    small = translators.Fast(
        folder, OPTIONS.model_copy(update={"max_batch_tokens": 40}), translators.converted(folder, folder.parent)
    )
    assert small(texts[::-1], "deu_Latn")[::-1] == fast(texts, "deu_Latn")


# === shards and flags ===
def test_each_text_once_and_a_killed_run_goes_on(tmp_path, capsys):
    say = Said()
    wanted = [("de", 5, [f"Dog {n}. Cat." for n in range(10)]), ("hi", 1, ["One dog.", "Two dogs."])]
    files = translate.build(tmp_path, iter(wanted), 6, say, OPTIONS, no_judge)
    told = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[1].split(", ")[0] for line in told] == [f"{n} of 6 samples" for n in (2, 4, 5, 6)]
    assert len(files) == 4 and len(say.asked) == 10 + 3 + 2  # "Cat." once in each of the three German shards
    files[1].write_bytes(b"half")
    again = Said()
    assert translate.build(tmp_path, wanted, 6, again, OPTIONS, no_judge) == files
    assert 0 < len(again.asked) <= 5
    assert translate.words(tmp_path, "de", ["Dog 7. Cat."]) == {"Dog 7. Cat.": "DOG 7. CAT."}
    with pytest.raises(TranslationError, match=r"lacks 1 texts in German"):
        translate.words(tmp_path, "de", ["Dog 7. Cat.", "No such text."])
    other = translate.build(tmp_path, wanted, 6, Said(), OPTIONS.model_copy(update={"num_beams": 2}), no_judge)
    assert not set(other) & set(files) and not any(path.exists() for path in files)


def test_what_came_out_is_summed_up_by_language(tmp_path):
    wanted = [("de", 1, ["One dog.", "Two dogs."]), ("hi", 1, ["A spoilt text."])]
    spoil = Said(lambda text: "" if "SPOILT" in text else text)
    files = translate.build(tmp_path / "instruct", wanted, 2, spoil, OPTIONS, no_judge)
    numbers, shown = translate.summary({"instruct": files})
    assert numbers[["stage", "language", "texts", "in_english"]].to_numpy().tolist() == [
        ["instruct", "de", 2, 0], ["instruct", "hi", 1, 1]]
    assert shown.text.tolist() == ["One dog.", *["A spoilt text."] * 2]
    assert numbers[["language", "sentences", *sentences.FAULTS]].to_numpy().tolist() == [
        ["de", 2, 0, 0, 0, 0], ["hi", 1, 1, 0, 0, 0]]
    numbers, shown = translate.summary({})
    assert numbers.texts.sum() == 0 and shown.empty


@pytest.mark.parametrize(("spoil", "fault"), [
    (lambda text: "", "empty"), (lambda text: text * 200, "lengthened"), (lambda text: text + " 9", "numbers"),
    (lambda text: text + " <br>", "mark-up"), (str, "")])
def test_failures_are_told_by_what_is_wrong(spoil, fault):
    done = translate.translated(["A small dog.", "It ran."], Said(spoil), "de")
    assert done.faults.tolist() == [fault, fault]
    assert done.translation.tolist() == (done.text if fault else done.text.str.upper()).tolist()


def test_rows_are_flagged():
    texts = [f"This is a sentence of some length, number {n}." for n in range(20)]
    texts[8] = "This one has no number at all."
    spoil = {"7.": lambda text: text + " AND SO ON" * 30, "L.": lambda text: ""}
    say = Said(lambda text: spoil.get(text[-2:], str)(text) if text[-3:] != "17." else text)
    judge = lambda texts, codes: np.array([float("9" not in text) for text in texts])
    found = translate.flagged(translate.judged(translate.translated(texts, say, "de"), judge))
    assert found.text[found.odd_length].tolist() == [texts[7]]
    assert found.text[found.in_english].tolist() == [texts[8]]
    assert found.text[found.other_language].tolist() == [texts[9], texts[19]]


# === bad input ===
def test_gpu_without_its_libraries_is_refused_with_what_to_install(folder, monkeypatch):
    def lacking(name):
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(translators.ctypes, "CDLL", lacking)
    message = r"libcublasLt\.so\.12: cannot open.*nvidia-cublas-cu12.*engine: transformers"
    with pytest.raises(TranslationError, match=message):
        translators.Fast(folder, OPTIONS, folder, device="cuda")


def test_latin_is_never_silent():
    unsaid = OPTIONS.model_copy(update={"missing_languages": {}})
    with pytest.raises(TranslationError, match=r"NLLB lacks Latin \(la\).*leave_out or to keep in english"):
        translate.spoken_in(["de", "la"], unsaid)
    assert translate.spoken_in(["de", "la"], OPTIONS) == ["de"]
    assert translate.spoken_in(["de", "la"], OPTIONS.model_copy(update={"missing_languages": {"la": "english"}})) == [
        "de",
        "la",
    ]


def pickled(folder: Path) -> Path:
    """A checkpoint as NLLB's own repository has it: its weights as pytorch_model.bin."""
    made = tiny_nllb.checkpoint(folder)
    torch.save(load_file(made / "model.safetensors"), made / "pytorch_model.bin")
    (made / "model.safetensors").unlink()
    return made


def test_pickled_weights_are_refused_with_the_command_that_converts_them(tmp_path, monkeypatch):
    folder = pickled(tmp_path / "nllb")
    monkeypatch.setattr(paths, "DATASETS", tmp_path)
    with pytest.raises(hub.HubError, match=r"holds no \*\.safetensors.*refs/pr/.*convert them once") as error:
        hub.model("nllb")
    command = str(error.value).splitlines()[-1]
    exec(command.removeprefix('python -c "').removesuffix('"'), {})
    assert hub.model("nllb") == folder
    assert translators.Plain(folder, OPTIONS)(["The cat."], "deu_Latn")


def test_pickled_weights_of_the_hub_are_refused_at_any_revision(tmp_path, monkeypatch):
    asked, folder = [], pickled(tmp_path / "cache")
    monkeypatch.setattr(hub, "snapshot_download", lambda name, **options: asked.append(options) or str(folder))
    monkeypatch.setattr(paths, "DATASETS", tmp_path / "datasets")
    with pytest.raises(hub.HubError, match=r"revision='refs/pr/1'.*datasets/some/nllb"):
        hub.model("some/nllb", "refs/pr/1")
    assert asked[0]["revision"] == "refs/pr/1" and "*.bin" not in asked[0]["allow_patterns"]


def test_unknown_target_and_missing_checkpoint_are_clear(fast):
    with pytest.raises(TranslationError, match=r"knows no language 'lat_Latn'"):
        fast(["dog"], "lat_Latn")
    with pytest.raises(hub.HubError, match=r"(?s)not reachable.*hf download facebook/nllb") as error:
        hub.model("facebook/nllb-200-distilled-1.3B-not-here", "main")
    assert "--local-dir" in str(error.value)
