"""Stages as notebooks declare them: wrong declarations are refused before any work, by file and field."""

import json

import pytest

from centurio_lib import params, paths
from centurio_lib.params import ParamsError
from centurio_lib.study import stages

GOOD = {"stage": "captions", "kind": "data", "params": ["data"], "writes": ["captions"]}


@pytest.fixture
def notebooks(tmp_path, monkeypatch):
    """Write notebooks that declare themselves, in the place of the study's own, and read them."""
    monkeypatch.setattr(paths, "NOTEBOOKS", tmp_path)

    def read(**declared: dict) -> dict[str, stages.Stage]:
        for name, entry in declared.items():
            content = {"cells": [], "metadata": {"centurio": entry} if entry else {}}
            (tmp_path / f"{name}.ipynb").write_text(json.dumps(content))
        stages.by_notebook.cache_clear()
        return stages.by_notebook()
    yield read
    stages.by_notebook.cache_clear()


def test_stages_come_in_the_order_of_their_notebooks_and_a_notebook_may_declare_none(notebooks):
    found = notebooks(n2=GOOD | {"stage": "ocr"}, n1=GOOD, n0=None)
    assert [one.stage for one in found.values()] == ["captions", "ocr"]
    assert stages.of("ocr").notebook == "n2"
    with pytest.raises(KeyError, match="unknown stage 'nothing'; there are captions, ocr"):
        stages.of("nothing")


@pytest.mark.parametrize(("entry", "message"), [
    ({"stage": "rq9", "kind": "finding"}, r"n2\.ipynb: metadata\.centurio\.stage = 'rq9': no question of params"),
    (GOOD, r"n2\.ipynb: metadata\.centurio\.stage = 'captions': notebooks/n1\.ipynb makes it already"),
    (GOOD | {"stage": "ocr", "reads": ["nothing"]}, r"n2\.ipynb: metadata\.centurio\.reads = \['nothing'\]: no"),
    (GOOD | {"stage": "ocr", "writes": ["nothing"]}, r"n2\.ipynb: metadata\.centurio.*writes names unknown tables"),
    (GOOD | {"stage": "ocr", "params": ["nothing"]}, r"n2\.ipynb: metadata\.centurio.*params names \['nothing'\]"),
    (GOOD | {"stage": "ocr", "kind": "magic"}, r"n2\.ipynb: metadata\.centurio: kind = 'magic'"),
    (GOOD | {"stage": "ocr", "colour": "red"}, r"n2\.ipynb: metadata\.centurio: colour = 'red'"),
], ids=["no question", "twice", "reads", "writes", "params", "kind", "unknown field"])
def test_a_wrong_declaration_is_refused_by_file_and_field(notebooks, entry, message):
    with pytest.raises(ParamsError, match=message):
        notebooks(n1=GOOD, n2=entry)


def test_a_profile_draws_its_questions_and_the_summaries():
    config = params.profile("smoke")
    drawn = stages.findings(config)
    assert set(config.study.questions) < set(drawn)
    summaries = [stage for stage in drawn if stages.of(stage).summary]
    assert drawn[-len(summaries):] == summaries and stages.gathered(summaries[-1], config) == drawn[:-1]
    assert stages.gathered("rq1", config) == []
