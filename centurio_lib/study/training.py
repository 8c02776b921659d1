"""Steps of a training stage: tokenize the mix, compute features, load the adapter, train."""

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd
import torch

from centurio_lib import params, storage
from centurio_lib.data import disk_table
from centurio_lib.model import components, conversation, distributed, llava, tokenized_dataset
from centurio_lib.model import image_features as features
from centurio_lib.model import train as training
from centurio_lib.study import loading, mixes, runs

MAX_BAD = 0.01  # share of samples that may be left out since they cannot be trained on
WORKER = "centurio_lib.study.worker"  # the module that each process of a stage runs


def tokenized(run: runs.Run, chosen: pd.DataFrame, tokenizer,
              image_features: features.Features) -> Sequence[conversation.Conversation]:
    """Tokenize samples and check them before training; text to read is spelled where the profile says so.

    Samples that cannot be trained on, or are longer than the stage allows, are left out, and their number is printed.
    Raises conversation.ConversationError where no sample is left, or more than one in a hundred cannot be trained on.
    """
    stage = run.profile.pretrain if run.stage == "pretrain" else run.profile.instruct
    pieces = (chosen.iloc[start:start + disk_table.ROWS] for start in range(0, len(chosen), disk_table.ROWS))
    bad: list[str] = []
    made = tokenized_dataset.Mapped(
        run.folder, (_part(run, piece, tokenizer, image_features, stage, bad) for piece in pieces)
    )
    _tolerable(bad, len(chosen))
    too_long = f"longer than {stage.max_text_tokens} tokens of text, or than {stage.max_seq_len} with their images"
    if not made:
        raise conversation.ConversationError(f"all {len(chosen)} samples are {too_long}: raise max_text_tokens or "
                                             "max_seq_len of the stage")
    if len(made) + len(bad) < len(chosen):
        print(f"{len(chosen) - len(made) - len(bad)} of {len(chosen)} samples left out: {too_long}")
    return made


def _part(run: runs.Run, chosen: pd.DataFrame, tokenizer, image_features: features.Features,
          stage: params.Stage, bad: list[str]) -> list[conversation.Conversation]:
    rows = [(r.sample_id, list(r.images), list(r.turns)) for r in chosen.itertuples()]
    spelled = [run.profile.spell_answers and heavy for heavy in chosen.text_heavy]
    made, reasons = conversation.tokenize_good(tokenizer, rows, image_features.tokens, spelled)
    bad += reasons
    if stage.max_text_tokens is None:
        return made
    image = tokenizer.convert_tokens_to_ids(conversation.IMAGE)
    return conversation.fitting(made, image, stage.max_text_tokens, stage.max_seq_len)


def _tolerable(bad: list[str], n: int) -> None:
    said = f"{len(bad)} of {n} samples cannot be trained on; first: {'; '.join(bad[:3])}"
    if len(bad) > max(1, MAX_BAD * n):
        raise conversation.ConversationError(said)
    if bad:
        print(f"{said}: left out")


def fresh(run: runs.Run, model):
    """Put a new adapter on the base model."""
    torch.manual_seed(run.seed)
    return llava.tune(model, run.profile, run.setup)


def adapter(run: runs.Run, model):
    """Give the model the adapter that a run's stage starts from."""
    return fresh(run, model) if run.stage == "pretrain" else start(run, model)


def start(run: runs.Run, model):
    """Load the adapter of the pre-training stage for training; a new adapter without such a stage."""
    if params.without_pretraining(run.setup):
        return fresh(run, model)
    return llava.load(model, run.inputs["pretrain"] / "adapter", train=True)


class Lesson(NamedTuple):
    """Inputs of a training stage: model, tokenizer, samples, features, tokens."""

    model: torch.nn.Module  # untuned
    tokenizer: object
    samples: pd.DataFrame  # each in its one language, in training order
    features: features.Features
    conversations: Sequence[conversation.Conversation]


def prepared(run: runs.Run) -> Lesson:
    """Load the untuned model, the mix of a run's stage, features of its images, and the tokenized samples."""
    model, tokenizer = loading.base(run)
    samples = mixes.captions(run) if run.stage == "pretrain" else mixes.instructions(run)
    of_images = loading.features_of(run, model, samples)
    return Lesson(model, tokenizer, samples, of_images, tokenized(run, samples, tokenizer, of_images))


def train(run: runs.Run, lesson: Lesson) -> pd.DataFrame:
    """Train a run's stage and write `adapter/` and `log.csv` into its folder. Returns the log.

    Where the profile uses several GPUs, each GPU has a process, which prepares the lesson again.
    """
    if loading.shared(run):
        distributed.launch(run.profile.gpus, WORKER, run.notebook, run.profile.name, run.setup.name, str(run.seed))
    else:
        fit(run, lesson)
    return pd.read_csv(run.folder / "log.csv")


def fit(run: runs.Run, lesson: Lesson) -> None:
    """Train a stage in one of its processes; the first process writes the files."""
    key, first = storage.digest(run.key), distributed.state().is_main_process
    model, stage = adapter(run, lesson.model), params.stage(run.profile, run.setup, run.stage)
    log = pd.DataFrame(training.run(
        model, lesson.tokenizer.pad_token_id, lesson.conversations, lesson.features, stage, run.seed, run.folder, key,
        say=loading.sayer(run) if first else lambda text: None))
    if first:
        llava.save(model, run.folder / "adapter")
        components.pass_on(run.profile.base, run.folder / "adapter")
        with storage.atomic(run.folder / "log.csv") as temporary:
            log.to_csv(temporary, index=False)
    distributed.state().wait_for_everyone()
