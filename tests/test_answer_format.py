"""Answers that say the right thing in another form score by the lenient metric, for every model alike.

Run with: pytest tests/test_answer_format.py
"""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from centurio_lib.evaluation import evaluate, metrics, tasks

anything = st.text(st.characters(exclude_categories=()), max_size=20)


@pytest.mark.parametrize("said", [
    "B", "b", "(B)", "[B]", '"B"', "**B**", "`B`", "B.", "B)", "Answer: B.", "answer: (B)", "**Answer:** B", "Answer B",
    "The answer is (B).", "The answer is **B**.", "The correct answer is: B", "So, the final answer is B", "Option B",
    "B. a dog", "(B) a dog", "B: a dog", "B\nIt has four legs.", "It has four legs.\n\nAnswer: B", "$\\boxed{B}$",
    "\u200bB", "Ｂ", "（B）", "「B」",
])
def test_a_letter_in_any_wrapping_is_right(said):
    assert metrics.lenient_match(said, "B") == 100


@pytest.mark.parametrize("said", ["A", "", "Bob", "A or B", "not B", "The answer is not B", "banana", "AB", "B or C",
                                  "8", "Both", "(", "Answer:", "I do not know.", "A. B"])
def test_another_answer_is_wrong(said):
    assert metrics.lenient_match(said, "B") == 0


@pytest.mark.parametrize(("said", "right"), [
    ("Yes.", "yes"), ("yes, ", "yes"), ("\"Côte d'Ivoire\"", "Côte d’Ivoire"), ("Answer: Germany.", "Germany"),
    ("ใช่।", "ใช่"), ("¿Qué?", "qué"), ("letter box", "letter box"), ("Answer", "answer"), ("-5", "-5"), ("3.5.", "3.5"),
    ("هل؟", "هل"), ("dog", "cat\ndog"), ("?", "?"),
])
def test_a_word_or_number_in_any_wrapping_is_right(said, right):
    assert metrics.lenient_match(said, right) == 100


@pytest.mark.parametrize(("said", "right"), [("5", "-5"), (".5", "5"), ("C", "C#"), ("3.5", "35"), ("50", "50 %"),
                                             ("no", "yes"), ("", "?"), ("German", "Germany"), ("B", "b dog")])
def test_what_differs_in_sense_is_wrong(said, right):
    assert metrics.lenient_match(said, right) == 0


def test_the_papers_metrics_stay_the_headline():
    """The relaxed match of the paper takes (B) for wrong and Bob for right; the lenient metric stands beside."""
    assert [metrics.letter_match(said, "B") for said in ("(B)", "Answer: B.", "Bob")] == [0, 0, 100]
    assert metrics.exact_match("Yes.", "yes") == 0
    for task in tasks.TASKS.values():
        assert ("lenient" in task.besides) == (task.metric in ("accuracy", "exact_match")) and task.metric != "lenient"


def test_scores_of_a_run_hold_the_lenient_metric_beside_the_headline():
    """Study models and third-party models are scored by the same function."""
    items = pd.DataFrame([{"task": "cvqa", "split": "test", "language": "en", "item_id": str(i), "number": i,
                           "images": [str(i)], "concepts": [], "prompt": "?\nA. x\nB. y", "reference": "B",
                           "options": []} for i in range(3)])
    who = {"profile": "p", "setup": "s", "backbone": "b", "seed": 0}
    scored = evaluate.scores(evaluate.predictions(items, ["(B)", "B", "A"], who), who).set_index("metric")
    assert scored.value.round(1).to_dict() == {"accuracy": 33.3, "lenient": 66.7}
    assert scored.headline.to_dict() == {"accuracy": True, "lenient": False}


@pytest.mark.parametrize("reference", ["", "\n", "\u200b", " \n\u200b"])
@pytest.mark.parametrize("said", ["", "B", " ", "\u200b"])
def test_where_no_right_answer_is_stated_none_is_right(said, reference):
    for score in (metrics.exact_match, metrics.letter_match, metrics.lenient_match, metrics.characters_right,
                  metrics.chrf):
        assert score(said, reference) == 0
    assert metrics.character_errors(said, reference) == 100


@settings(max_examples=400, deadline=None, database=None)
@given(anything, anything)
def test_any_text_has_a_score_and_the_right_answer_full_marks(said, right):
    one, rights = pd.DataFrame({"language": ["en"], "reference": [right]}), metrics.alternatives(right)
    for score in (metrics.exact_match, metrics.letter_match, metrics.lenient_match, metrics.characters_right,
                  metrics.chrf):
        assert 0 <= score(said, right) <= 100 + 1e-9
        if rights and not (score is metrics.characters_right and "\n" in right):  # which knows one reference
            assert score(rights[0], right) == pytest.approx(100)
    for cut in (metrics.letters_apart, metrics.words):
        assert 0 <= metrics.caption_shares(one, [said], cut)[0] <= 100
        if rights:
            assert max(metrics.caption_shares(one, [each], cut)[0] for each in rights) == pytest.approx(100)
