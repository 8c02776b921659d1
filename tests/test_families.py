"""The paper's four families: chat template, label mask, packing, around tokenizers and models in the hub's own formats.

Run with: pytest tests/test_families.py
"""

import families
import numpy as np
import pytest
import tiny
import torch
from families import FAMILIES
from hypothesis import given
from hypothesis import strategies as st

from centurio_lib.model import conversation, parts
from centurio_lib.model.conversation import IMAGE, ConversationError

SAID = st.text(st.characters(exclude_characters="<[", exclude_categories=["Cs"]), min_size=1, max_size=20)


@pytest.fixture(scope="module", params=FAMILIES)
def name(request):
    """A family's name."""
    return request.param


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where miniatures lie."""
    return tmp_path_factory.mktemp("families")


@pytest.fixture(scope="module")
def tokenizer(name, folder):
    """The family's tokenizer as a run loads it."""
    return parts.load_tokenizer(families.base(name, folder))


def tokenized(tokenizer, *texts: str, images: tuple = ()):
    """One conversation as tokens, an image as three."""
    sample = ("one", list(images), tiny.turns(*texts))
    return conversation.tokenize(tokenizer, [sample], lambda ids: [3] * len(ids))[0]


def learned_text(tokenizer, sample) -> str:
    """What is learned of a conversation, as text."""
    return tokenizer.decode(sample.ids[sample.learned], skip_special_tokens=False)


# === chat template and label mask ===
def test_conversation_is_written_as_the_family_writes_it(name, tokenizer):
    """System line, place of the image and what follows it, as the authors' code has them."""
    family, sample = FAMILIES[name], tokenized(tokenizer, "Q?", "A", images=("i0",))
    asked = tokenizer.decode(sample.ids[~sample.learned], skip_special_tokens=False)
    expected = family.asked.replace(IMAGE, 3 * IMAGE)
    # SentencePiece's special tokens swallow the line break after them, so that decoding does not show it
    assert asked.replace("\n", "") == expected.replace("\n", "") and (name == "phi" or asked == expected)


def test_exactly_the_answers_and_the_end_of_their_turn_are_learned(name, tokenizer):
    sample = tokenized(tokenizer, "What is this?", "a dog", "In German?", "Hund", "In Thai?", "สุนัข", images=("i0",))
    end = FAMILIES[name].end
    assert learned_text(tokenizer, sample) == f"a dog{end}Hund{end}สุนัข{end}"
    assert sample.learned[-1] and tokenizer.eos_token == end
    headers = np.flatnonzero(np.diff(sample.learned.astype(int)) == 1)
    assert len(headers) == 3


@given(texts=st.lists(SAID, min_size=2, max_size=6).filter(lambda texts: len(texts) % 2 == 0), n_images=st.integers(0, 3))
def test_mask_holds_for_any_text_in_any_script(name, tokenizer, texts, n_images):
    """Templates strip answers and tokenizers normalise them; whatever they make of one is learned, and nothing else."""
    sample = tokenized(tokenizer, *texts, images=[f"i{i}" for i in range(n_images)])
    ends = sample.ids == tokenizer.eos_token_id
    assert sample.learned[ends].sum() == len(texts) // 2
    learned = learned_text(tokenizer, sample).split(FAMILIES[name].end)
    said = [tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in texts[1::2]]
    assert [text.strip() for text in learned] == [text.strip() for text in said] + [""]
    image = tokenizer.convert_tokens_to_ids(IMAGE)
    assert (sample.ids == image).sum() == 3 * n_images and not sample.learned[sample.ids == image].any()


def test_question_of_evaluation_is_what_training_showed(tokenizer):
    sample = tokenized(tokenizer, "What is this?", "dog", images=("i0", "i1"))
    asked = conversation.prompt(tokenizer, "What is this?", [3, 3])
    assert asked.tolist() == sample.ids[:len(asked)].tolist()
    assert sample.learned.tolist() == [False] * len(asked) + [True] * (len(sample.ids) - len(asked))


def test_images_of_several_turns_stay_where_the_text_has_them(name, tokenizer):
    sample = tokenized(tokenizer, f"{IMAGE} and {IMAGE}: same?", "no", f"And {IMAGE}?", "yes", images=("a", "b", "c"))
    image = tokenizer.convert_tokens_to_ids(IMAGE)
    runs = np.flatnonzero(np.diff((sample.ids == image).astype(int)) == 1)
    assert len(runs) == 3 and (sample.ids == image).sum() == 9


# === bad input ===
def test_tokenizer_without_a_chat_template_is_refused(name, folder, tmp_path):
    base = families.base(name, folder)
    plain = families.TOKENIZERS[name]()
    plain.chat_template = None
    plain.save_pretrained(tmp_path)
    (tmp_path / "config.json").write_bytes((folder / name / "config.json").read_bytes())
    with pytest.raises(ConversationError, match="has no chat template: name an instruction-tuned language model"):
        parts.load_tokenizer(base.model_copy(update={"language_model": str(tmp_path)}))


def test_template_that_begins_answers_elsewhere_is_refused(name, folder, tmp_path):
    families.TOKENIZERS[name]().save_pretrained(tmp_path)
    (tmp_path / "config.json").write_bytes((folder / name / "config.json").read_bytes())
    template = tmp_path / "chat_template.jinja"
    template.write_text(template.read_text().replace("{% if add_generation_prompt %}", "{% if add_generation_prompt %}think")
                        .replace("{%- if add_generation_prompt %}", "{%- if add_generation_prompt %}think"))
    base = families.base(name, folder).model_copy(update={"language_model": str(tmp_path), "system": None})
    with pytest.raises(ConversationError, match="what is learned cannot be told from it"):
        parts.load_tokenizer(base)
