"""Models of other families on the study's own items. Run with: pytest tests/test_external_models.py"""

from types import SimpleNamespace

import pandas as pd
import pytest
import tiny_external_models
from PIL import Image

from centurio_lib import tables
from centurio_lib.data.prompts import IMAGE
from centurio_lib.evaluation import evaluate, external_models, synthetic_items
from centurio_lib.study import external, runs


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny LLaVA around a Llama, as saved."""
    return tiny_external_models.llava(tmp_path_factory.mktemp("hub") / "tiny-llava")


@pytest.fixture(scope="module")
def other(folder) -> external_models.ExternalModel:
    return external_models.load(str(folder), "float32")


def asked(prompt: str, n_images: int, task: str = "flag") -> SimpleNamespace:
    return SimpleNamespace(prompt=prompt, images=[str(i) for i in range(n_images)], task=task)


SHOWN = {str(i): Image.new("RGB", (40, 30), (80 * i, 255 - 80 * i, 30)) for i in range(3)}


def kinds(content: list[dict]) -> str:
    return "".join(part["type"][0] if part["type"] == "image" else part["text"] for part in content)


def test_pictures_stand_where_the_prompt_marks_them_else_first():
    (turn,) = external_models.message(f"Is {IMAGE} like {IMAGE}?", ["a", "b"])
    assert kinds(turn["content"]) == "Is i like i?"
    assert [p["image"] for p in turn["content"] if p["type"] == "image"] == ["a", "b"]
    assert kinds(external_models.message("Which?", ["a", "b"])[0]["content"]) == "iiWhich?"
    assert kinds(external_models.message("No picture.", [])[0]["content"]) == "No picture."
    with pytest.raises(external_models.ExternalModelError, match="marks 1 pictures, but its item has 2"):
        external_models.message(f"{IMAGE} x", ["a", "b"])


def test_prompt_goes_through_the_models_own_template_with_all_image_tokens(other):
    asked = external_models.message(f"Is {IMAGE} like {IMAGE}?", [SHOWN["0"], SHOWN["1"]])
    made = other.processor.apply_chat_template(asked, tokenize=True, add_generation_prompt=True, return_dict=True,
                                              return_tensors="pt")
    text = other.processor.decode(made["input_ids"][0])
    assert text.replace(" ", "") == f"<|user|>Is{IMAGE * 4}like{IMAGE * 4}?<|assistant|>"
    tokens = (tiny_external_models.SIDE // tiny_external_models.PATCH) ** 2  # of an image
    assert (made["input_ids"] == other.model.config.image_token_index).sum() == 2 * tokens


def test_answers_are_greedy_and_depend_on_the_picture_and_its_place(other):
    first = external_models.answer(other, asked(f"Is {IMAGE} like {IMAGE}?", 2), SHOWN)
    assert first == external_models.answer(other, asked(f"Is {IMAGE} like {IMAGE}?", 2), SHOWN)
    changed_places = {"0": SHOWN["2"], "1": SHOWN["0"]}
    swapped = external_models.answer(other, asked(f"Is {IMAGE} like {IMAGE}?", 2), changed_places)
    assert first != swapped and IMAGE not in first


def test_room_and_repetition_are_the_tasks_own(other, monkeypatch):
    heard, made = [], other.model.generate
    monkeypatch.setattr(other.model, "generate", lambda **how: heard.append(how) or made(**how))
    for task in ("maxm", "xm3600"):
        external_models.answer(other, asked("Describe.", 1, task), SHOWN)
    assert [(how["max_new_tokens"], how["repetition_penalty"], how["min_new_tokens"]) for how in heard] == [
        (10, 1.0, 1), (128, 1.1, 1)]


def test_answers_become_the_same_tables_with_the_models_name_as_setup(other, folder, tmp_path):
    items = pd.DataFrame([("maxm", "test", "en", f"maxm/test/en/{i}", i, ["0"], [], f"What {i}?", "dog\na dog", [])
                          for i in range(3)], columns=synthetic_items.COLUMNS)
    said, heard = [], []
    said = external_models.answers(other, items, SHOWN, heard.append)
    run = runs.describe("13_external_models", "smoke", f"{folder}@0123abc")
    identity = external.identity(run, f"{folder}@0123abc")
    predictions = evaluate.predictions(items, said, identity)
    tables.write(tmp_path / "predictions.parquet", "predictions", predictions[tables.SCHEMAS["predictions"].names])
    found = evaluate.scores(predictions, identity)
    tables.write(tmp_path / "scores.parquet", "scores", found)
    assert set(found.setup) == {f"{folder.parent.name}/tiny-llava@0123abc"}
    assert found.n.tolist() == [3, 3] and predictions.seed.eq(0).all()


@pytest.mark.parametrize(("model", "name"), [
    ("Qwen/A", "Qwen/A"), ("other/A", "other/A"), ("Qwen/A@refs/pr/1", "Qwen/A@refs/pr/1"),
    ("/m/a@b/models/x", "models/x"), ("/m/a@b/models/x@0123abc", "models/x@0123abc"), ("/m/x/", "m/x")])
def test_models_are_named_with_owner_and_revision(model, name):
    assert external_models.name_of(model) == name


def test_a_folder_may_hold_an_at_sign(tmp_path):
    (tmp_path / "a@b").mkdir()
    assert external_models.pinned(str(tmp_path / "a@b")) == (str(tmp_path / "a@b"), "")
    with pytest.raises(external_models.ExternalModelError, match=r"a@b holds no config\.json"):
        external_models.load(str(tmp_path / "a@b"))


def test_each_model_has_a_folder_and_a_key_of_its_own():
    one, other = (runs.describe("13_external_models", "smoke", model) for model in ("Qwen/A", "Qwen/A@abc"))
    assert one.folder.name == "Qwen--A" and one.folder.parent.name == "external_models" and one.folder != other.folder
    assert one.key != other.key and one.key["params"]["model"] == "Qwen/A"


def test_a_model_out_of_reach_or_without_template_is_refused_with_the_reason(tmp_path, folder):
    with pytest.raises(
        external_models.ExternalModelError, match=r"(?s)no-such/model cannot be .*accept its licence.*hf download"
    ):
        external_models.load("no-such/model")
    with pytest.raises(external_models.ExternalModelError, match="has no chat template"):
        external_models.load(str(tiny_external_models.llava(tmp_path / "bare", chat=None)), "float32")
