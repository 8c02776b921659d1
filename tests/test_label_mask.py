"""Labels cover exactly the answers, whatever is said: any conversation in any chat template of the families.

Run with: pytest tests/test_label_mask.py
"""

from pathlib import Path

import families
import pytest
import tiny
from hypothesis import given, settings
from hypothesis import strategies as st

from centurio_lib import paths
from centurio_lib.model import components, conversation
from centurio_lib.model.conversation import IMAGE, ConversationError

KINDS = [*families.FAMILIES, "gemma", "own"]
GEMMA = paths.REPO / "centurio_lib" / "base_models" / "gemma.j2"
TOKENS = ["<|end|>", "<|im_end|>", "<|eot_id|>", "<|END_OF_TURN_TOKEN|>", "<end_of_turn>", "<|user|>", "<|assistant|>",
          "<s>", "</s>", IMAGE]  # special in some family, plain text in others
PIECES = ["<", "<|", "|>", "<|en", "end|>", "[INST]", "\u2581", "Ġ", "\n", "\n\n", " ", "\u200d", "\u0301", "é",
          "assistant\n", "user", "a", "dog", "สุนัข", "كلب", "狗", "0", "🐕"]
SAID = st.lists(st.one_of(st.sampled_from(PIECES), st.text(st.characters(exclude_categories=["Cs"]), max_size=3)),
                min_size=1, max_size=4).map("".join)
ANY = st.one_of(SAID, st.tuples(SAID, st.sampled_from(TOKENS), SAID).map("".join))
quick = settings(max_examples=60, deadline=None, database=None)


@pytest.fixture(scope="module", params=KINDS)
def tokenizer(request, tmp_path_factory):
    """A tokenizer with the chat template of a family, as a run loads it."""
    folder = tmp_path_factory.mktemp("tokenizers")
    if request.param in families.FAMILIES:
        return components.load_tokenizer(families.base(request.param, folder))
    made = tiny.tokenizer() if request.param == "own" else gemma()
    made.save_pretrained(folder)
    Path(folder / "config.json").write_text("{}")
    return components.load_tokenizer(tiny.PROFILE.base.model_copy(update={"language_model": str(folder)}))


def gemma():
    """A tokenizer with Gemma's template and the tokens that it writes."""
    made = families.llama_tokenizer()
    made.add_tokens(families.special("<start_of_turn>", "<end_of_turn>"))
    made.chat_template = GEMMA.read_text(encoding="utf-8")
    return made


def tokenized(tokenizer, pairs: list[tuple[str, str]], n_images: int) -> conversation.Conversation:
    """One conversation as tokens, an image as two."""
    texts = [text for pair in pairs for text in pair]
    images = [f"i{i}" for i in range(n_images)]
    return conversation.tokenize(tokenizer, [("one", images, tiny.turns(*texts))], lambda ids: [2] * len(ids))[0]


def parts(tokenizer, pairs: list[tuple[str, str]], n_images: int) -> tuple[str, str]:
    """Text of the answers with the ends of their turns, and all other text up to the last end, by the template."""
    chat = [{"role": role, "content": text} for pair in pairs
            for role, text in zip(("user", "assistant"), pair, strict=True)]
    if n_images and not any(IMAGE in message["content"] for message in chat):
        chat[0]["content"] = IMAGE * n_images + conversation.after_images(tokenizer) + chat[0]["content"]
    learned, other, start = "", "", 0
    whole = tokenizer.apply_chat_template(chat, tokenize=False)
    for turn in range(1, len(chat), 2):
        first = len(tokenizer.apply_chat_template(chat[:turn], tokenize=False, add_generation_prompt=True))
        after = whole.index(tokenizer.eos_token, first) + len(tokenizer.eos_token)
        learned, other, start = learned + whole[first:after], other + whole[start:first], after
    return learned, other


def seen(tokenizer, ids) -> str:
    """Text of tokens without white space, at which tokenizers differ."""
    return "".join(tokenizer.decode(ids, skip_special_tokens=False).split())


def of(tokenizer, text: str) -> str:
    """A text as a tokenizer reads it back."""
    return seen(tokenizer, tokenizer(text, add_special_tokens=False)["input_ids"])


@quick
@given(st.lists(st.tuples(SAID, SAID), min_size=1, max_size=3), st.integers(0, 2))
def test_labels_are_the_answers_and_nothing_else(tokenizer, pairs, n_images):
    sample = tokenized(tokenizer, pairs, n_images)
    learned, other = parts(tokenizer, pairs, n_images)
    assert seen(tokenizer, sample.ids[sample.label_mask]) == of(tokenizer, learned)
    assert seen(tokenizer, sample.ids[~sample.label_mask]) == of(tokenizer, other.replace(IMAGE, IMAGE * 2))
    assert (sample.ids[sample.label_mask] == tokenizer.eos_token_id).sum() == len(pairs)
    assert sample.label_mask[-1] and not sample.label_mask[0]


@quick
@given(st.lists(st.tuples(ANY, ANY), min_size=1, max_size=2))
def test_a_special_token_in_a_text_is_refused_and_a_plain_one_is_learned(tokenizer, pairs):
    special = conversation.special_tokens(tokenizer)
    held = [token for pair in pairs for text in pair for token in special if token in text]
    if held:
        with pytest.raises(ConversationError, match=r"must not hold|image placeholders, but 0 images"):
            tokenized(tokenizer, pairs, 0)
    else:
        learned, _ = parts(tokenizer, pairs, 0)
        sample = tokenized(tokenizer, pairs, 0)
        assert seen(tokenizer, sample.ids[sample.label_mask]) == of(tokenizer, learned)


@quick
@given(st.lists(st.tuples(SAID, SAID), min_size=1, max_size=3))
def test_marks_of_images_in_questions_are_given_and_not_learned(tokenizer, pairs):
    marked = [(f"{question}{IMAGE} {IMAGE}", answer) for question, answer in pairs]
    sample, image = tokenized(tokenizer, marked, 2 * len(pairs)), tokenizer.convert_tokens_to_ids(IMAGE)
    assert (sample.ids == image).sum() == 4 * len(pairs) and not sample.label_mask[sample.ids == image].any()
    assert seen(tokenizer, sample.ids[sample.label_mask]) == of(tokenizer, parts(tokenizer, marked, 0)[0])
