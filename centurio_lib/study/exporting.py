"""Steps of notebook 14: load the model to export, write the card with the licences of its parts."""

import shutil
from pathlib import Path

import pandas as pd
import torch
import yaml
from huggingface_hub import metadata_load, snapshot_download

from centurio_lib import paths, storage
from centurio_lib.data.hub import catalogue, hub
from centurio_lib.data.sources import registry
from centurio_lib.findings import table_formats
from centurio_lib.model import export, llava
from centurio_lib.study import runs

# files that say what a part may be used for
PAPERS = ["README.md", "LICENSE*", "LICENCE*", "NOTICE*", "*TERMS*", "USE_POLICY*"]
UNSTATED = "not stated: see its page"
ABOUT = """{title}: a LLaVA for `AutoModelForImageTextToText` and `AutoProcessor` of transformers, without code of its
own. Its adapter, if it had one, is merged. A picture is stretched to {side} x {side} pixels. A question about a picture
gave the same logits as the trained model (relative difference {difference:.1e})."""
TERMS = """The weights are made of the parts below and were trained on the data below. What the licences of both ask
holds for these weights too: read them before you pass this folder on. The papers of the parts are in `licences/`."""


def tuned_in_full(run: runs.Run) -> tuple[torch.nn.Module, object]:
    """Load the model of notebook 11 in full precision with its unmerged adapter, and its tokenizer.

    Raises export.ExportError for a model that cannot be exported.
    """
    untuned, tokenizer = llava.build(run.profile.model_copy(update={"load_4bit": False}), run.seed, run.setup.tiling)
    export.check(untuned)
    return llava.load(untuned, run.inputs["instruct"] / "adapter").eval(), tokenizer


def write_card(run: runs.Run, folder: Path, difference: float) -> pd.DataFrame:
    """Write README.md and `licences/` of an exported folder. Returns the table of parts and data.

    `difference`: largest difference between logits of the exported and of the trained model.
    """
    table = pd.DataFrame([*parts(run, folder / "licences"), *trained_on(run)], columns=["part", "name", "licence"])
    about = ABOUT.format(title=run.label, side=run.profile.base.image_size, difference=difference)
    made = f"Made by notebook 14_export, key {storage.digest(run.key)[:12]}."
    with storage.atomic(folder / "README.md") as temporary:
        temporary.write_text(f"# {folder.name}\n\n{about}\n\n{TERMS}\n\n{table_formats.markdown(table)}\n{made}\n",
                             encoding="utf-8")
    return table


def parts(run: runs.Run, folder: Path) -> list[tuple[str, str, str]]:
    """Models inside the exported model: part, name and revision, licence. Copies their licence files."""
    base, sources = run.profile.base, run.profile.data.sources
    named = {"vision": (base.vision, base.vision_revision),
             "language_model": (base.language_model, base.language_model_revision)}
    if sources is not None:
        named["translation"] = (sources.translation.model, sources.translation.revision)
    return [(part, " ".join(filter(None, name)), licence(papers(*name, folder / part)))
            for part, name in named.items()]


def papers(name: str, revision: str | None, folder: Path) -> list[Path]:
    """Copy the files that state a model's licence. Raises hub.HubError where its page is out of reach."""
    home = paths.model(name)
    if home is None:
        with hub.explained(f"model {name}", f"https://huggingface.co/{name}", "its own", f"hf download {name}"):
            home = Path(snapshot_download(name, revision=revision, allow_patterns=PAPERS))
    folder.mkdir(parents=True, exist_ok=True)
    found = [path for pattern in PAPERS for path in sorted(home.glob(pattern)) if path.is_file()]
    return [Path(shutil.copy(path, folder)) for path in found]


def licence(found: list[Path]) -> str:
    """A model's licence: the one in the head of its card, else the names of its licence files."""
    if not found:
        return UNSTATED
    stated = _stated(found[0]) if found[0].name == "README.md" else []
    return ", ".join(stated) or "see " + ", ".join(f"licences/{path.parent.name}/{path.name}" for path in found)


def _stated(card: Path) -> list[str]:
    """Licences in the head of a model's card; none where the head is of another form, which others wrote."""
    try:
        said = (metadata_load(card) or {}).get("license")
    except (ValueError, AttributeError, yaml.YAMLError):  # of UTF-8, of another form, of YAML
        return []
    return [one for one in (said if isinstance(said, list) else [said]) if isinstance(one, str) and one.strip()]


def trained_on(run: runs.Run) -> list[tuple[str, str, str]]:
    """Training data of a run: part, name, licence."""
    sources, text = run.profile.data.sources, runs.shown_by(run.profile, run.setup, "instruct")
    known = registry.licences("things") if sources is None else {
        name: catalogue.entries()[name].licence for name in [*sources.pretrain, *sources.instruct]}
    lettering = registry.licences("fonts") if text else {}
    pages = registry.licences("running text", packaged=not run.profile.ocr.wikipedia_articles) if "ocr" in text else {}
    return [("data", name, stated or UNSTATED) for name, stated in (known | lettering | pages).items()]
