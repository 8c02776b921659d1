"""Batched decoding on a tiny model: an answer is the same alone, in any batch, and by transformers' own way.

Answers among options are those of greedy decoding that transformers keeps to the options.

Run with: pytest tests/test_generate.py
"""

from types import SimpleNamespace

import numpy as np
import pytest
import tiny
import torch
from hypothesis import given
from hypothesis import strategies as st

from centurio_lib import image_file
from centurio_lib.model import conversation, generate, image_features, options
from centurio_lib.speed import answering

# (question, images): mixed lengths, and none to five images
ASKED = [("What is this?", [0]), ("Both?", [1, 2]), ("Which of the five images shows no dog?", [3, 4, 5, 6, 7]),
         ("Hello", []), ("Describe the image in Thai.", [6]), ("x " * 40, [2]), ("What is this, in German?", [7]),
         ("Do the two images show a and b? Answer true or false.", [0, 3]), ("", []), ("What is this?", [5])]
IMAGES = [[tiny.IMAGE_IDS[i] for i in shown] for _, shown in ASKED]
ROOM = 12


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """Features of the pictures."""
    return tiny.features_of(tmp_path_factory.mktemp("features"))


@pytest.fixture(scope="module")
def model():
    """A model that is inclined to end its answers, some sooner than others."""
    made = tiny.model()
    with torch.no_grad():
        made.lm_head.weight[tiny.tokenizer().eos_token_id] *= 1.7
    return made


@pytest.fixture(scope="module")
def prompts(shown) -> list[np.ndarray]:
    """The questions as tokens."""
    return [conversation.prompt(tiny.tokenizer(), text, shown.tokens(images))
            for (text, _), images in zip(ASKED, IMAGES, strict=True)]


@pytest.fixture(scope="module")
def alone(model, prompts, shown) -> list[str]:
    """The answer to each question, one at a time."""
    return answers(model, prompts, IMAGES, shown, batch=1)


def answers(model, prompts, images, shown, batch: int, max_new_tokens: list[int] | None = None,
            among=None, **more) -> list[str]:
    max_new_tokens = max_new_tokens or [ROOM] * len(prompts)
    return generate.answers(model, tiny.tokenizer(), prompts, images, shown, max_new_tokens, batch, among, **more)


CHOICES = [["Hund", "Hunde", "Katze"], [], ["দুধ", "สุนัข"], ["true", "false"], ["x"],
           ["Hund", "Hund ", "Hunderte", "Hun"]]
OFFERED = [CHOICES[i % len(CHOICES)] for i in range(len(ASKED))]  # the answers that each question allows


def test_closed_questions_get_one_of_their_options_and_leave_open_ones_alone(model, prompts, shown, alone):
    mixed = answers(model, prompts, IMAGES, shown, batch=4, among=OFFERED)
    for said, allowed, free in zip(mixed, OFFERED, alone, strict=True):
        assert said in [text.strip() for text in allowed] if allowed else said == free
    assert mixed == answers(model, prompts, IMAGES, shown, batch=1, among=OFFERED)
    assert mixed == answers(model, prompts, IMAGES, shown, batch=4, among=OFFERED, max_batch_tokens=60)


@pytest.mark.parametrize("penalty", [1.0, 1.5])
@pytest.mark.parametrize("seed", range(3))
def test_answers_among_options_equal_those_of_transformers_own_way(prompts, shown, penalty, seed):
    """Step by step with a function that allows the tokens of options alone: here all options in one forward pass."""
    decoder, penalties = tiny.model(seed), [penalty] * len(prompts)
    ours = answers(decoder, prompts, IMAGES, shown, batch=4, among=OFFERED, penalties=penalties)
    for prompt, images, allowed, said in zip(prompts, IMAGES, OFFERED, ours, strict=True):
        asked = answering.Questions([prompt], [images], [ROOM + 20 if allowed else ROOM], [allowed])
        assert answering.plain_answers(decoder, tiny.tokenizer(), asked, shown, penalty) == [said]


def test_answers_among_options_are_not_cut_short(model, prompts, shown):
    whole = answers(model, prompts, IMAGES, shown, batch=4, among=OFFERED)
    short = answers(model, prompts, IMAGES, shown, batch=4, max_new_tokens=[1] * len(prompts), among=OFFERED)
    assert [a for a, allowed in zip(whole, OFFERED, strict=True) if allowed] == [
        a for a, allowed in zip(short, OFFERED, strict=True) if allowed]


def test_forward_pass_holds_what_options_share_up_to_where_they_part():
    grown = options.tree([(1, 2, 3, 0), (1, 2, 4, 0), (1, 5, 0), (6, 0)])
    assert grown.forks == [(), (1,), (1, 2)] and grown.paths == [(1,), (1, 2)]
    assert options.tree([(1, 0), (2, 0)]).paths == [] and options.tree([(1, 2, 0)]).forks == []
    assert options.tree([(1, 0), (1, 2, 0)]).forks == [(1,)]  # one option begins another


def test_paths_of_options_see_the_prompt_and_their_own_beginning():
    trees = [options.tree([(7, 1, 0), (7, 2, 0), (8, 1, 0), (8, 2, 0)]), options.tree([(1, 0), (2, 0)])]
    batch = options.collate([np.array([3, 4]), np.array([3, 4, 5])], [[], []], trees, pad=9)
    assert batch.ids.tolist() == [[3, 4, 7, 8], [3, 4, 5, 9]] and batch.positions[0].tolist() == [0, 1, 2, 2]
    assert batch.mask[0, 0].int().tolist() == [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 0, 1]]


def test_among_options_the_likeliest_token_that_goes_on_is_taken():
    known = [(1, 2, 0), (1, 3, 0), (4, 0)]
    assert options.continuing(known, ()) == [1, 4] and options.continuing(known, (1, 3, 0)) == []
    assert options.walk(known, {(): torch.eye(5)[4], (1,): torch.eye(5)[2]}) == (4, 0)
    assert options.walk(known, {(): torch.eye(5)[0] - torch.eye(5)[4], (1,): torch.eye(5)[3]}) == (1, 3, 0)


def test_rows_leave_the_batch_when_their_answer_ends(model, prompts, shown, alone, monkeypatch):
    rows, decoder = [], model.model.language_model
    forward = decoder.forward
    monkeypatch.setattr(decoder, "forward", lambda *args, **more: rows.append(len(more["inputs_embeds"]))
                        or forward(*args, **more))
    assert answers(model, prompts, IMAGES, shown, batch=100) == alone
    assert rows == sorted(rows, reverse=True) and rows[0] == len(prompts) and rows[-1] < len(prompts)


def test_answers_differ_in_text_and_length(alone):
    """Else the tests below would hold for any order of answers."""
    assert len(set(alone)) >= 8
    assert min(map(len, alone)) < 0.5 * max(map(len, alone))


@pytest.mark.parametrize("batch", [2, 3, 4, 100])
def test_batched_answers_equal_those_given_one_by_one(batch, alone, model, prompts, shown):
    assert answers(model, prompts, IMAGES, shown, batch) == alone


@pytest.mark.parametrize("tokens", [1, 60, 200])
def test_answers_are_the_same_whatever_tokens_a_batch_may_hold(tokens, alone, model, prompts, shown):
    assert generate.answers(model, tiny.tokenizer(), prompts, IMAGES, shown, [ROOM] * len(prompts), 100,
                            max_batch_tokens=tokens) == alone


def test_answers_come_in_the_order_of_the_questions(alone, model, prompts, shown):
    order = np.random.default_rng(0).permutation(len(prompts)).tolist()
    shuffled = answers(model, [prompts[i] for i in order], [IMAGES[i] for i in order], shown, batch=4)
    assert shuffled == [alone[i] for i in order]


@pytest.mark.parametrize("penalty", [1.0, 1.1, 2.0])
def test_answers_equal_those_of_transformers_own_way(penalty, model, prompts, shown):
    """Token ids and pixels given to `generate`, without cached features or padding, as the paper's code does.

    A penalty holds for the tokens of the prompt too, and an answer has one token at least.
    """
    pictures = dict(zip(tiny.IMAGE_IDS, tiny.pictures().image, strict=True))
    answered = answers(model, prompts, IMAGES, shown, batch=4, penalties=[penalty] * len(prompts))
    for prompt, images, ours in zip(prompts, IMAGES, answered, strict=True):
        seen = [image_file.read(pictures[i]) for i in images]
        given = {"input_ids": torch.from_numpy(prompt)[None]}
        given |= {"pixel_values": image_features.pixels_of(seen)} if images else {}
        made = model.generate(**given, max_new_tokens=ROOM, min_new_tokens=1, do_sample=False,
                              repetition_penalty=penalty)
        said = tiny.tokenizer().decode(made[0, len(prompt):], skip_special_tokens=True).strip()
        assert said == ours


def test_a_penalty_holds_for_tokens_of_the_prompt():
    """The likeliest token stands in the prompt: with a penalty, the next likeliest is said."""
    written = generate.filled([np.array([5, 6]), np.array([7])], "cpu")
    assert written.tolist() == [[5, 6], [7, 7]]  # padding holds no token that nobody wrote
    scores = torch.tensor([[0.0] * 5 + [2.0, 1.9, 1.8]] * 2)
    assert options.penalised(written, scores, 1.5).argmax(-1).tolist() == [7, 5]


def test_an_answer_has_one_token_at_least(model):
    states = torch.zeros((1, 32))
    decoder = SimpleNamespace(  # for which the end is always the likeliest
        model=SimpleNamespace(language_model=lambda **_: SimpleNamespace(last_hidden_state=states[:, None])),
        lm_head=lambda hidden: torch.tensor([[1.0, 5.0, 0.0]]), config=model.config,
        get_input_embeddings=lambda: lambda tokens: states[tokens * 0])
    mask = torch.ones((1, 2), dtype=torch.long)
    assert generate.greedy(decoder, states[:, None].expand(1, 2, -1), mask, 4, end=1) == [[0]]


def test_answers_depend_on_the_images(alone, model, prompts, shown):
    others = [[tiny.IMAGE_IDS[(tiny.IMAGE_IDS.index(i) + 1) % 8] for i in images] for images in IMAGES]
    changed = answers(model, prompts, others, shown, batch=4)
    differ = [a != b for a, b, images in zip(alone, changed, IMAGES, strict=True) if images]
    assert np.mean(differ) > 0.5
    assert all(a == b for a, b, images in zip(alone, changed, IMAGES, strict=True) if not images)


def test_each_answer_has_room_of_its_own(alone, model, prompts, shown):
    """A question with little room does not cut short the others, nor the other way round."""
    max_new_tokens = [2 if i % 2 else ROOM for i in range(len(prompts))]
    mixed = answers(model, prompts, IMAGES, shown, batch=4, max_new_tokens=max_new_tokens)
    assert mixed[::2] == alone[::2]
    for short, whole in zip(mixed[1::2], alone[1::2], strict=True):
        assert whole.startswith(short.rstrip("\ufffd"))  # the last character may be cut in two
    assert sum(map(len, mixed[1::2])) < 0.5 * sum(map(len, alone[1::2]))


def test_answers_hold_no_special_token_and_no_question(alone):
    for text, (question, _) in zip(alone, ASKED, strict=True):
        assert text == text.strip() and "<|" not in text and "<pad>" not in text and "<image>" not in text
        assert len(question) < 8 or question not in text


def test_nothing_asked_nothing_answered(model, shown):
    assert answers(model, [], [], shown, batch=4) == []


@given(st.lists(st.tuples(st.integers(1, 90), st.sampled_from([4, 16, 40])), max_size=50), st.integers(1, 9),
       st.none() | st.integers(1, 400))
def test_every_prompt_is_in_one_batch_of_one_longest_answer_sorted_by_length(shape, batch, tokens):
    made = generate.batches([length for length, _ in shape], [(n,) for _, n in shape], batch, tokens)
    assert sorted(i for mine in made for i in mine) == list(range(len(shape)))
    for mine in made:
        assert 0 < len(mine) <= batch and len({shape[i][1] for i in mine}) == 1
        padded = len(mine) * (max(shape[i][0] for i in mine) + shape[mine[0]][1])
        assert tokens is None or len(mine) == 1 or padded <= tokens
    for n in {n for _, n in shape}:
        lengths = [shape[i][0] for mine in made for i in mine if shape[i][1] == n]
        assert lengths == sorted(lengths)
