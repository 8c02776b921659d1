"""What notebooks 10 to 12 do, a call a step: base model, the stage's mix, features, training, the tuned model."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

import pandas as pd
import pyarrow as pa
import torch

from centurio_lib import params, storage, tables
from centurio_lib.data import disk_table, mix, pictures, prompts, splits
from centurio_lib.data.hub import hub_mix
from centurio_lib.model import components, conversation, distributed, llava, memory, tokenized_dataset
from centurio_lib.model import image_features as features
from centurio_lib.model import train as training
from centurio_lib.params import benchmarks
from centurio_lib.study import runs, shown_images

# what training asks of a sample
MIX = pa.schema([tables.SCHEMAS["instructions"].field(name)
                 for name in ("sample_id", "images", "language", "family", "turns", "text_heavy")])


def base(run: runs.Run):
    """The untuned model and its tokenizer.

    Raises memory.MemoryShortage where a GPU cannot hold what a training needs.
    """
    torch.set_num_threads(run.profile.threads)
    device = distributed.device(run.profile.base.dtype)
    if device.type == "cuda" and run.stage in ("pretrain", "instruct"):
        capacity = torch.cuda.get_device_properties(device).total_memory / memory.GIB
        wanted = memory.check(run.profile, run.setup, getattr(run.profile, run.stage), capacity)
        print(f"{run.label}: about {wanted:.1f} of {capacity:.1f} GiB of the GPU will be used", flush=True)
    if shared(run) and distributed.alone():
        device = llava.CPU  # the processes that train have the GPUs to themselves
    return llava.build(run.profile, run.seed, run.setup.tiling, device)


def shared(run: runs.Run) -> bool:
    """Whether several processes train the run's stage."""
    return run.profile.gpus > 1 and run.stage in ("pretrain", "instruct")


def instruction_mix(run: runs.Run) -> pd.DataFrame:
    """The instruction samples of the run, each in its one language, in training order; then plots and documents.

    What they say stays on disk until it is asked for.
    """
    own = sourced_mix(run) if run.profile.data.sources else built_mix(run)
    return _joined(run, [own, plots(run), documents(run, run.profile.instruct)])


def built_mix(run: runs.Run) -> Iterator[pa.Table]:
    """The samples of a run's stage from the study's own instruction table."""
    path = runs.finished("04_instructions", run.profile.name).folder / "instructions.parquet"
    light = tables.read(path, "instructions", columns=["sample_id", "language", "text_heavy"])
    chosen = _mixed(light, run, run.profile.instruct.samples, run.setup.english_share)
    return _rows(run, path, chosen)


def caption_mix(run: runs.Run) -> pd.DataFrame:
    """The caption samples of the run's pre-training stage as conversations, then documents, if any.

    Raises params.ParamsError where the setup has no such stage.
    """
    if params.without_pretraining(run.setup):
        raise params.ParamsError(f"setup {run.setup.name!r} has no pre-training stage (pretrain_english_share is not "
                                 "set): run notebook 11")
    if run.profile.data.sources:
        return _joined(run, [sourced_mix(run), documents(run, run.profile.pretrain)])
    table = tables.read(runs.finished("02_captions", run.profile.name).folder / "captions.parquet", "captions")
    table = table.assign(sample_id=table.image_id + "/" + table.detail, family="caption", text_heavy=False)
    chosen = table.loc[_mixed(table, run, run.profile.pretrain.samples, run.setup.pretrain_english_share).index]
    asked = {"short": prompts.name, "dense": prompts.describe}
    turns = [[{"role": "user", "text": asked[row.detail](row.language)}, {"role": "assistant", "text": row.caption}]
             for row in chosen.itertuples()]
    said = pa.Table.from_pandas(chosen.assign(images=[[i] for i in chosen.image_id], turns=turns)[MIX.names], MIX,
                                preserve_index=False)
    return _joined(run, [[said], documents(run, run.profile.pretrain)])


def sourced_mix(run: runs.Run) -> Iterator[pa.Table]:
    """The samples of a run's stage from data sets of the hub, each in its one language, in training order."""
    folder = runs.finished(shown_images.SOURCED[run.stage], run.profile.name).folder
    translations = runs.finished("03_translate", run.profile.name).folder / run.stage
    pairs = hub_mix.chosen(run.profile, run.setup, run.stage, hub_mix.light(folder), run.seed)
    return hub_mix.instructions(folder, translations, pairs, run.folder)


def _joined(run: runs.Run, parts: list[Iterable[pa.Table]]) -> pd.DataFrame:
    return disk_table.frame(disk_table.spooled(run.folder, MIX, chain.from_iterable(parts)))


def _rows(run: runs.Run, path: Path, chosen: pd.DataFrame) -> Iterator[pa.Table]:
    """Rows of a file of instructions, by the index of those that were chosen of it."""
    return disk_table.gathered(disk_table.stored(run.folder, "instructions", [path]), chosen.index)


def plots(run: runs.Run) -> Iterable[pa.Table]:
    """The text-heavy share of an instruct mix, outside its number of samples: plots with English labels, or none."""
    if not params.plots(run.profile, run.setup):
        return []
    path = runs.finished("06_smpqa", run.profile.name).folder / "instructions.parquet"
    light = tables.read(path, "instructions", columns=["sample_id", "language"])
    wanted = {"en": run.profile.instruct.text_heavy_samples}
    advice = "raise smpqa.english_plots, or lower text_heavy_samples"
    return _rows(run, path, mix.drawn(light, wanted, run.seed, advice))


def documents(run: runs.Run, stage: params.Stage) -> Iterable[pa.Table]:
    """The documents of a stage, in languages of the setup's mix, or none. Raises mix.MixError for too few."""
    asked = run.setup.ocr
    if asked is None:
        return []
    path = runs.finished("05_ocr", run.profile.name).folder / "instructions.parquet"
    light = tables.read(path, "instructions", columns=["sample_id", "language"])
    left_out = mix.missing(light, run.setup.mix)
    if left_out:
        print(f"no document in {len(left_out)} languages of the mix: {' '.join(left_out)}")
    codes = [code for code in run.setup.mix if code not in left_out]
    wanted = mix.reading_quotas(stage.ocr_samples, codes, asked)
    advice = "raise english, latin or other of ocr in the profile, or lower ocr_samples"
    return _rows(run, path, mix.drawn(light, wanted, run.seed, advice))


def _mixed(available: pd.DataFrame, run: runs.Run, total: int, english_share: float) -> pd.DataFrame:
    left_out = mix.missing(available, run.setup.mix)
    if left_out:
        print(f"no sample in {len(left_out)} languages of the mix: {' '.join(left_out)}")
    return mix.assign(available, total, run.setup.mix, english_share, run.setup.allocation, run.seed)


def features_of(run: runs.Run, model, samples: pd.DataFrame) -> features.Features:
    """Features of the images of some samples or items (column images)."""
    return shown_images.of_run(run, model, [image_id for images in samples.images for image_id in images])


def tokenized(run: runs.Run, chosen: pd.DataFrame, tokenizer,
              image_features: features.Features) -> Sequence[conversation.Conversation]:
    """Samples as tokens, checked before training starts; what is read is spelled where the profile says so.

    Those that are longer than the stage allows are left out, and said to be. Raises conversation.ConversationError
    where none is left.
    """
    stage = run.profile.pretrain if run.stage == "pretrain" else run.profile.instruct
    pieces = (chosen.iloc[start:start + disk_table.ROWS] for start in range(0, len(chosen), disk_table.ROWS))
    made = tokenized_dataset.Mapped(
        run.folder, (_part(run, piece, tokenizer, image_features, stage) for piece in pieces)
    )
    too_long = f"longer than {stage.max_text_tokens} tokens of text, or than {stage.max_seq_len} with their images"
    if not made:
        raise conversation.ConversationError(f"all {len(chosen)} samples are {too_long}: raise max_text_tokens or "
                                             "max_seq_len of the stage")
    if len(made) < len(chosen):
        print(f"{len(chosen) - len(made)} of {len(chosen)} samples left out: {too_long}")
    return made


def _part(run: runs.Run, chosen: pd.DataFrame, tokenizer, image_features: features.Features,
          stage: params.Stage) -> list[conversation.Conversation]:
    rows = [(r.sample_id, list(r.images), list(r.turns)) for r in chosen.itertuples()]
    spelled = [run.profile.spell_answers and heavy for heavy in chosen.text_heavy]
    made = conversation.tokenize(tokenizer, rows, image_features.tokens, spelled)
    if stage.max_text_tokens is None:
        return made
    image = tokenizer.convert_tokens_to_ids(conversation.IMAGE)
    return conversation.fitting(made, image, stage.max_text_tokens, stage.max_seq_len)


def fresh(run: runs.Run, model):
    """A new adapter on the base model."""
    torch.manual_seed(run.seed)
    return llava.tune(model, run.profile, run.setup)


def adapter(run: runs.Run, model):
    """The adapter that a run's stage begins with."""
    return fresh(run, model) if run.stage == "pretrain" else start(run, model)


def start(run: runs.Run, model):
    """The adapter of the run's pre-training stage, to be trained on; a new one where the setup has no such stage."""
    if params.without_pretraining(run.setup):
        return fresh(run, model)
    before = runs.finished("10_pretrain", run.profile.name, run.setup.name, run.seed)
    return llava.load(model, before.folder / "adapter", train=True)


def train(run: runs.Run, model, tokenizer, conversations, image_features, stage: params.Stage) -> pd.DataFrame:
    """Train the stage and write `adapter/` and `log.csv` into the run's folder. Returns the log.

    In processes of their own where the profile asks for several GPUs: they make all of this anew.
    """
    if shared(run):
        distributed.launch(run.profile.gpus, run.notebook, run.profile.name, run.setup.name, run.seed)
    else:
        fit(run, model, tokenizer, conversations, image_features, stage)
    return pd.read_csv(run.folder / "log.csv")


def fit(run: runs.Run, model, tokenizer, conversations, image_features, stage: params.Stage) -> None:
    """What each of the processes that train a stage does; the first of them writes."""
    key, first = storage.digest(run.key), distributed.state().is_main_process
    log = pd.DataFrame(training.run(model, tokenizer.pad_token_id, conversations, image_features, stage, run.seed,
                                    run.folder, key,
                                    say=sayer(run) if first else lambda text: None))
    if first:
        llava.save(model, run.folder / "adapter")
        components.pass_on(run.profile.base, run.folder / "adapter")
        with storage.atomic(run.folder / "log.csv") as temporary:
            log.to_csv(temporary, index=False)
    distributed.state().wait_for_everyone()


def sayer(run: runs.Run):
    """A print that names the run first: the lines of two runs mix in one terminal."""
    return lambda text: print(f"{run.label}: {text}", flush=True)


def tuned(run: runs.Run, model):
    """The model with the adapter that notebook 11 made with the present params, merged for decoding."""
    trained = runs.finished("11_instruct", run.profile.name, run.setup.name, run.seed)
    return llava.merged(llava.load(model, trained.folder / "adapter"))


def test_data(run: runs.Run) -> tuple[pd.DataFrame, pd.DataFrame, splits.Pairs]:
    """Texts, images (without their bytes) and held-out pairs that test items are drawn from."""
    folder = runs.finished("02_captions", run.profile.name).folder
    texts = pictures.texts_of(folder)
    names = [name for name in tables.SCHEMAS["images"].names if name != "image"]
    return (texts, tables.read(folder / "images.parquet", "images", columns=names),
            splits.held_out_pairs(texts, run.profile.data))


def questions(run: runs.Run) -> pd.DataFrame | None:
    """Items about text in images (notebooks 05 and 06), None for a setup that was not trained on any."""
    asked = runs.text_data(run.profile, run.setup, "evaluate")
    return (
        pd.concat([shown_images.questions(run.profile, stage) for stage in asked], ignore_index=True) if asked else None
    )


def test_sets(run: runs.Run) -> pd.DataFrame | None:
    """Items of the published test sets that are at hand (notebook 08), None where the profile asks none."""
    if not benchmarks.of_profile(run.profile):
        return None
    return tables.read(runs.finished("08_test_sets", run.profile.name).folder / "items.parquet", "items")


def coverage(run: runs.Run) -> pd.DataFrame:
    """Of each published test set that the profile asks: how many items, or why it was not run."""
    if not benchmarks.of_profile(run.profile):
        return pd.DataFrame(columns=tables.SCHEMAS["coverage"].names)
    return tables.read(runs.finished("08_test_sets", run.profile.name).folder / "coverage.parquet", "coverage")


def identity(run: runs.Run) -> dict:
    """The columns that say which run a row is of."""
    return {"profile": run.profile.name, "setup": run.setup.name, "seed": run.seed,
            "backbone": Path(run.profile.base.language_model).name}
