"""What notebooks 10 to 12 do, a call a step: base model, the stage's mix, features, training, the tuned model."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pyarrow as pa
import torch

from centurio_lib import params, storage, tables
from centurio_lib.data import disk_table, mix, prompts
from centurio_lib.data.hub import hub_mix
from centurio_lib.model import components, conversation, distributed, llava, tokenized_dataset
from centurio_lib.model import image_features as features
from centurio_lib.model import train as training
from centurio_lib.study import loading, runs, shown_images

# what training asks of a sample
MIX = pa.schema([tables.SCHEMAS["instructions"].field(name)
                 for name in ("sample_id", "images", "language", "family", "turns", "text_heavy")])

WORKER = "centurio_lib.study.worker"  # the module that each process of a stage runs


def instruction_mix(run: runs.Run) -> pd.DataFrame:
    """The instruction samples of the run, each in its one language, in training order; then plots and documents.

    What they say stays on disk until it is asked for.
    """
    own = sourced_mix(run) if run.profile.data.sources else built_mix(run)
    return _joined(run, [own, plots(run), documents(run, run.profile.instruct)])


def built_mix(run: runs.Run) -> Iterator[pa.Table]:
    """The samples of a run's stage from the study's own instruction table."""
    path = run.inputs["instructions"] / "instructions.parquet"
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
    table = tables.read(run.inputs["captions"] / "captions.parquet", "captions")
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
    folder = run.inputs[shown_images.TAKEN_IN[run.stage]]
    translations = run.inputs["translate"] / run.stage
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
    path = run.inputs["smpqa"] / "instructions.parquet"
    light = tables.read(path, "instructions", columns=["sample_id", "language"])
    wanted = {"en": run.profile.instruct.text_heavy_samples}
    advice = "raise smpqa.english_plots, or lower text_heavy_samples"
    return _rows(run, path, mix.drawn(light, wanted, run.seed, advice))


def documents(run: runs.Run, stage: params.Stage) -> Iterable[pa.Table]:
    """The documents of a stage, in languages of the setup's mix, or none. Raises mix.MixError for too few."""
    asked = run.setup.ocr
    if asked is None:
        return []
    path = run.inputs["ocr"] / "instructions.parquet"
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
    return llava.load(model, run.inputs["pretrain"] / "adapter", train=True)


class Lesson(NamedTuple):
    """What a training stage begins with."""

    model: torch.nn.Module  # untuned
    tokenizer: object
    samples: pd.DataFrame  # each in its one language, in training order
    features: features.Features
    conversations: Sequence[conversation.Conversation]


def prepared(run: runs.Run) -> Lesson:
    """The untuned model, the mix of a run's stage, features of its images, and its samples as tokens."""
    model, tokenizer = loading.base(run)
    samples = caption_mix(run) if run.stage == "pretrain" else instruction_mix(run)
    of_images = loading.features_of(run, model, samples)
    return Lesson(model, tokenizer, samples, of_images, tokenized(run, samples, tokenizer, of_images))


def train(run: runs.Run, lesson: Lesson) -> pd.DataFrame:
    """Train a run's stage and write `adapter/` and `log.csv` into its folder. Returns the log.

    In processes of their own where the profile asks for several GPUs: each prepares the lesson anew.
    """
    if loading.shared(run):
        distributed.launch(run.profile.gpus, WORKER, run.notebook, run.profile.name, run.setup.name, str(run.seed))
    else:
        fit(run, lesson)
    return pd.read_csv(run.folder / "log.csv")


def fit(run: runs.Run, lesson: Lesson) -> None:
    """What each of the processes that train a stage does; the first of them writes."""
    key, first = storage.digest(run.key), distributed.state().is_main_process
    model = adapter(run, lesson.model)
    log = pd.DataFrame(training.run(
        model, lesson.tokenizer.pad_token_id, lesson.conversations, lesson.features, getattr(run.profile, run.stage),
        run.seed, run.folder, key, say=loading.sayer(run) if first else lambda text: None))
    if first:
        llava.save(model, run.folder / "adapter")
        components.pass_on(run.profile.base, run.folder / "adapter")
        with storage.atomic(run.folder / "log.csv") as temporary:
            log.to_csv(temporary, index=False)
    distributed.state().wait_for_everyone()
