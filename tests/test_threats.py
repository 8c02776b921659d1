"""What comes from others is data: it is shown, not run, and leads nowhere. The list is docs/threats.md.

Run with: pytest tests/test_threats.py
"""

import io
import json
import re

import nbformat
import pandas as pd
import pytest
import tiny
import tiny_external_models
import torch
import toy_report
from bs4 import BeautifulSoup
from hypothesis import given, settings
from hypothesis import strategies as st
from nbformat import v4
from PIL import Image
from safetensors.torch import load_file

from centurio_lib import image_file, params, paths, storage, tables
from centurio_lib.data.hub import hub
from centurio_lib.evaluation import external_models
from centurio_lib.evaluation.tasks import bin_mc
from centurio_lib.findings import figure_index, text_in_images
from centurio_lib.model import llava
from centurio_lib.params import validation
from centurio_lib.report import pages, site
from centurio_lib.report.safe_html import safe
from centurio_lib.study import explore, explore_model, keys

NASTY = '<img src=x onerror="alert(1)"><script>alert(1)</script>'
PNG = "data:image/png;base64,iVBORw0KGgo="


def parsed(html: str) -> BeautifulSoup:
    """HTML as a browser's parser reads it."""
    return BeautifulSoup(html, "html.parser")


def acts(html: str) -> list[str]:
    """What in a page could run, ask an address or send something."""
    soup = parsed(html)
    tags = [tag.name for tag in soup.find_all(["script", "iframe", "object", "embed", "form", "meta", "base", "link",
                                               "svg", "math", "style", "input", "button", "video", "audio"])]
    named = [(tag.name, name, str(value)) for tag in soup.find_all(True) for name, value in tag.attrs.items()]
    return tags + [f"{tag} {name}={value[:30]}" for tag, name, value in named
                   if name.startswith("on") or name in ("style", "srcset", "background", "action", "formaction")
                   or (name == "src" and not value.startswith("data:image/"))
                   or (name == "href" and re.match(r"\s*(javascript|data|vbscript):", value, re.I))]


# === notebooks of others ===
@pytest.mark.parametrize(("html", "shown"), [
    ("<p onclick='x()'>a</p>", "<p>a</p>"),
    ("a<script>alert(1)</script>b", "ab"),
    ("<style>td { color: red }</style><table><tbody><tr><td>1</td></tr></tbody></table>",
     "<table><tbody><tr><td>1</td></tr></tbody></table>"),
    ("<img src='https://host/x.png' alt='q'>", '<img alt="q">'),
    (f"<img src='{PNG}' onerror='x()'>", f'<img src="{PNG}">'),
    ("<img src='data:image/svg+xml;base64,AAAA'>", "<img>"),
    ("<a href='javascript:alert(1)'>j</a>", "<a>j</a>"),
    ("<a href='data:text/html,x'>d</a><a href='#here'>h</a>", '<a>d</a><a href="#here">h</a>'),
    ("<svg><script>1</script></svg><iframe src='x'></iframe><form action='y'>f</form>", "f"),
    ("<meta http-equiv='refresh' content='0;url=http://host'>", ""),
    ("<td style='background:url(http://host)'>1</td>", "1"),
    ("a &lt;b&gt; &amp; c", "a &lt;b&gt; &amp; c"),
    ("<p style='background:url(http://host)'>a</p>", "<p>a</p>"),
], ids=range(13))
def test_markup_that_acts_is_left_out_and_the_rest_is_shown(html, shown):
    assert safe(html).strip() == shown and not acts(shown)


PIECES = st.sampled_from(["<script>", "</script>", "<style>", "</style>", "<", ">", "<img ", "src=", "onerror=x", '"',
                          "'", "javascript:", "<svg/onload=", "<!--", "-->", "<a href=", "data:text/html,", "&lt;", "/",
                          "\x00", "<math><mi>", "<td style=", "<p>", "a", " ", "<iframe srcdoc=", "<![CDATA[", "]]>"])


@settings(max_examples=150, deadline=None, database=None)
@given(st.lists(st.one_of(PIECES, st.text(max_size=3)), max_size=10).map("".join))
def test_no_text_becomes_markup_that_acts(html):
    assert not acts(safe(html))


def notebook(folder, *outputs: dict, prose: str = "# Theirs") -> str:
    """The page of an executed notebook."""
    shown = [v4.new_output("display_data", data) for data in outputs]
    cells = [v4.new_markdown_cell(prose), v4.new_code_cell(f"x = '{NASTY}'  # why", outputs=shown)]
    nbformat.write(v4.new_notebook(cells=cells), folder / "run.ipynb")
    return pages.page("theirs", folder / "run.ipynb").body


def test_a_notebook_of_others_runs_nothing_in_the_report(tmp_path):
    body = notebook(tmp_path, {"text/html": NASTY}, {"application/javascript": "alert(1)"},
                    {"image/svg+xml": "<svg onload='alert(1)'><script>alert(1)</script></svg>"},
                    {"text/markdown": f"[go](javascript:alert(1)) {NASTY}"}, {"text/html": f"<img src='{PNG}'>"},
                    prose=f"# Theirs {NASTY}")
    assert not acts(body) and parsed(body).select_one("summary code").text == f"x = '{NASTY}'  # why"
    assert parsed(body).find("img", src=PNG), "a picture whose bytes stand in the page is shown"


def test_tables_and_code_of_a_notebook_stay(tmp_path):
    table = pd.DataFrame({"answer": ["<b>5</b> & 6"], "n": [1]})
    body = parsed(notebook(tmp_path, {"text/html": table._repr_html_()}))
    assert [cell.text for cell in body.select("table.dataframe tbody td")] == ["<b>5</b> & 6", "1"]
    assert "dataframe tbody" not in body.text, "a style sheet is no text"


# === the report ===
def test_pages_forbid_scripts_of_their_own_and_every_address(tmp_path):
    _, index = toy_report.write(tmp_path)
    for path in [index, *index.parent.glob("notebooks/*.html")]:
        page = parsed(path.read_text(encoding="utf-8"))
        policy = page.find("meta", {"http-equiv": "Content-Security-Policy"})["content"]
        rules = {rule.split()[0]: rule.split()[1:] for rule in policy.split("; ")}
        assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == ["'none'"]
        assert rules["script-src"] == (["'self'", "file:"] if path == index else ["'none'"])
        assert not any("http" in place or place == "*" for places in rules.values() for place in places)
        assert all(script.get("src") and not script.text for script in page.find_all("script"))


def test_no_text_of_the_report_is_markup(tmp_path):
    shown = toy_report.content(tmp_path)
    nasty = shown.questions[0]._replace(title=NASTY, text=NASTY, sentences=[NASTY])
    figure = nasty.figures[0]._replace(name=f"a#{NASTY}", files=[f"{NASTY}.png"], notebook=NASTY, alt=f'"{NASTY}')
    page = site.render(shown._replace(
        questions=[nasty._replace(figures=[figure])], signatures=shown.signatures.assign(cause=NASTY),
        items=[item._replace(task=NASTY) for item in shown.items]))["index.html"]
    scripts = [script.get("src") for script in parsed(page).find_all("script")]
    assert len(scripts) == 3 and all(src.startswith("assets/") for src in scripts)
    assert not [one for one in acts(page) if " on" in one or "=x" in one]
    assert parsed(page).select_one("h2").text == NASTY


def test_pictures_of_any_ids_have_files_of_their_own_below_the_report():
    content = io.BytesIO()
    Image.new("RGB", (2, 2)).save(content, "PNG")
    ids = ["a/b", "a-b", "../../x", "a#b?c%20", "/etc/x", "ไทย", "x" * 400]
    files = site.image_files(dict.fromkeys(ids, content.getvalue()))
    assert len(set(files.values())) == len(ids)
    assert all(re.fullmatch(r"images/[A-Za-z0-9_.-]{1,100}\.png", file) for file in files.values())


def test_the_index_of_figures_shows_names_and_keys_as_text(tmp_path):
    name = 'a #1 <b> "x"'
    storage.write_json(tmp_path / f"{name}.json", {"notebook": NASTY, "params": {"seeds": NASTY}, "inputs": [],
                                                   "key": NASTY})
    (tmp_path / f"{name}.png").write_bytes(b"")
    page = parsed(figure_index.write(tmp_path, NASTY).read_text(encoding="utf-8"))
    assert not page.find_all("script") and not page.find(onerror=True) and page.h1.text == NASTY
    links = {tag["href"] for tag in page.find_all("a")} | {page.img["src"]}
    assert links == {"a%20%231%20%3Cb%3E%20%22x%22.png", "a%20%231%20%3Cb%3E%20%22x%22.json"}


def test_answers_beside_plots_are_text():
    shown = pd.DataFrame([{"plot_id": "p", "script": "Latin", "language": "en", "image": b"png", "item_id": "i",
                           "reference": "a & b", "L100": NASTY, "question": "<i>?"}])
    page = parsed(text_in_images.said(shown).to_html())
    assert [cell.text.strip() for cell in page.select("tbody td")] == ["Latin", "en", "", "a & b", NASTY, "<i>?"]
    assert not page.find("script") and page.img["src"].startswith("data:image/png;base64,")


# === folders of models ===
def pickled(folder):
    """A model whose weights are a pickle, beside a decoy that ends as safetensors do."""
    made = tiny_external_models.llava(folder)
    torch.save(load_file(made / "model.safetensors"), made / "pytorch_model.bin")
    (made / "model.safetensors").rename(made / "decoy.safetensors")
    return made


def test_pickled_weights_are_not_read_whatever_lies_beside_them(tmp_path):
    folder = pickled(tmp_path / "llava")
    with pytest.raises(external_models.ExternalModelError, match="weights are read as safetensors alone"):
        external_models.load(str(folder), "float32")
    with pytest.raises(hub.HubError, match=r"holds no \*\.safetensors, and pickled weights are not read"):
        hub.model(str(folder))


@pytest.mark.parametrize("kind", [None, "unheard-of"])
def test_code_of_a_model_is_not_run(tmp_path, kind):
    folder = tiny_external_models.llava(tmp_path / "llava")
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'taken')!r}, 'w').close()\nclass Evil: pass\n")
    code = {name: "evil.Evil" for name in ("AutoConfig", "AutoModelForImageTextToText", "AutoProcessor")}
    for name in ("config.json", "tokenizer_config.json", "processor_config.json"):
        stated = storage.read_json(folder / name) if (folder / name).exists() else {}
        storage.write_json(folder / name, stated | {"auto_map": code} | ({"model_type": kind} if kind else {}))
    if kind:
        with pytest.raises(external_models.ExternalModelError, match="bring their own code are not run"):
            external_models.load(str(folder), "float32")
    else:
        assert type(external_models.load(str(folder), "float32").model).__name__ == "LlavaForConditionalGeneration"
    assert not (tmp_path / "taken").exists()


def test_a_published_module_is_read_and_not_run(tmp_path):
    module = tmp_path / "babel_imagenet.py"
    module.write_text(f"open({str(tmp_path / 'taken')!r}, 'w')\nopenai_en_classes = ['tench', 'goldfish']\n")
    assert bin_mc.english(module) == ["tench", "goldfish"] and not (tmp_path / "taken").exists()


# === results of others ===
def test_a_pickled_adapter_is_not_read(tmp_path):
    storage.write_json(tmp_path / "adapter_config.json", {"peft_type": "LORA"})
    torch.save({"lora": torch.zeros(1)}, tmp_path / "adapter_model.bin")
    with pytest.raises(FileNotFoundError, match="pickled ones are not read"):
        llava.load(tiny.model(), tmp_path)


def test_links_in_a_folder_of_figures_are_not_followed(tmp_path):
    (tmp_path / "secret.csv").write_text("secret")
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "rq1.csv").write_text("a")
    (tmp_path / "theirs" / "rq2.csv").symlink_to(tmp_path / "secret.csv")
    site.write(tmp_path / "report", {"index.html": ""}, {"laptop": tmp_path / "theirs"})
    assert [path.name for path in (tmp_path / "report" / "figures" / "laptop").iterdir()] == ["rq1.csv"]


def test_names_of_things_are_text(tmp_path, monkeypatch):
    thing = {"concept": "cat", "kind": "emoji"}
    tables.write(tmp_path / "texts.parquet", "texts", pd.DataFrame([thing | {
        "group": "", "language": "en", "name": NASTY, "keywords": []}]))
    tables.write(tmp_path / "images.parquet", "images", pd.DataFrame([thing | {
        "image_id": "i", "style": "noto", "variant": 0, "split": "train", "image": b"png"}]))
    monkeypatch.setattr(explore, "finished", lambda stage, profile: tmp_path)
    page = parsed(explore_model.things("smoke", ["en"]))
    assert [cell.text for cell in page.select("tbody td")] == ["", NASTY] and len(page.find_all("img")) == 1


# === pictures ===
@pytest.mark.parametrize("kind", ["EPS", "PCX", "TGA", "ICNS", "SGI"])
def test_kinds_of_pictures_that_no_data_set_holds_are_refused(kind):
    content = io.BytesIO()
    Image.new("RGB", (16, 16)).save(content, kind)
    with pytest.raises(ValueError, match="odd is not a readable image"):
        image_file.read(content.getvalue(), "odd")


def test_a_picture_that_would_fill_the_memory_is_refused(monkeypatch):
    content = io.BytesIO()
    Image.new("1", (300, 300)).save(content, "PNG")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40_000)
    with pytest.raises(ValueError, match=r"huge is not a readable image .*decompression bomb"):
        image_file.read(content.getvalue(), "huge")


# === params ===
@pytest.mark.parametrize("text", ["a: !!python/object/apply:os.system ['touch taken']", "a: !!python/name:os.system",
                                  "a: !!python/object/new:subprocess.Popen [[touch, taken]]",
                                  "a: !include /etc/passwd"])
def test_no_tag_of_yaml_makes_an_object(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "profile.yaml").write_text(text)
    with pytest.raises(params.ParamsError, match="could not determine a constructor"):
        params.load(tmp_path / "profile.yaml")
    assert [path.name for path in tmp_path.iterdir()] == ["profile.yaml"]


def test_aliases_of_aliases_make_no_endless_message(tmp_path):
    levels = [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 10)]
    (tmp_path / "profile.yaml").write_text("\n".join(["l0: &l0 [lol, lol]", *levels]))
    with pytest.raises(params.ParamsError, match="unknown key") as error:
        validation.validated(params.Stage, params.load(tmp_path / "profile.yaml"), "profile.yaml")
    assert len(str(error.value)) < 20_000


# === environment ===
def test_no_variable_of_the_environment_is_in_what_a_run_records(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret0123")
    assert "hf_secret0123" not in json.dumps(keys.record({"stage": "languages"}))
    assert str(paths.HOME) not in json.dumps(keys.record({"stage": "languages"}))
