"""Run any image-text-to-text model of transformers on the study's items.

A model is named as on the hub, with `@` and a revision where it is pinned, or by its folder. The chat template of its
processor makes the prompt. Pictures stand at the marks of the item, else before the text. Decoding is greedy with the
task's `max_new_tokens` and at least one token, as for the study's models. Closed questions are asked as open ones,
since a third-party model has not learned to end at an option. Items run one by one, since several models answer
differently in padded batches.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import torch
from transformers import AutoModelForImageTextToText, AutoProcessor

from centurio_lib import file_name, paths
from centurio_lib.data.prompts import IMAGE
from centurio_lib.evaluation import tasks
from centurio_lib.model import conversation, four_bits


class ExternalModelError(RuntimeError):
    """A model cannot be used; the message says why and what to do."""


class ExternalModel(NamedTuple):
    """A model and its processor."""

    model: torch.nn.Module
    processor: object


def name_of(model: str) -> str:
    """A model's name in tables: owner, name and revision on the hub, or the last two parts of its folder.

    Two owners' models of one name are two rows.
    """
    folder, revision = pinned(model)
    name = "/".join(Path(folder).expanduser().resolve().parts[-2:]) if file_name.is_folder(folder) else folder
    return f"{name}@{revision}" if revision else name


def pinned(model: str) -> tuple[str, str]:
    """Name or folder of a model and its revision, "" without one. A folder may hold @ in its path."""
    if not file_name.is_folder(model):
        name, _, revision = model.partition("@")
        return name, revision
    name, _, revision = model.rpartition("@")
    return (name, revision) if name and "/" not in revision and not Path(model).expanduser().exists() else (model, "")


def load(model: str, dtype: str = "bfloat16") -> ExternalModel:
    """Load a model from the hub or a folder, on the GPU if the machine has one.

    Raises ExternalModelError for a model that is gated, out of reach, without chat template, or unknown to
    transformers.
    """
    name, revision = pinned(model)
    if file_name.is_folder(name):
        name = str((paths.REPO / Path(name).expanduser()).resolve())
        if not (Path(name) / "config.json").is_file():
            raise ExternalModelError(f"{model}: {name} holds no config.json: name a folder that does, or owner/name of "
                                     "a model of the hub")
    options = {"revision": revision} if revision else {}
    try:
        processor = AutoProcessor.from_pretrained(name, trust_remote_code=False, **options)
        loaded = AutoModelForImageTextToText.from_pretrained(
            name, dtype=getattr(torch, dtype), use_safetensors=True, trust_remote_code=False, **options)
    except ImportError as error:
        raise ExternalModelError(f"{model} wants a package that the study does not: {error}") from error
    except (OSError, ValueError, KeyError) as error:
        raise ExternalModelError(f"{model} cannot be loaded ({error}): accept its licence on the hub if it has one and "
                                 f"fetch it with `hf download {name}`; weights are read as safetensors alone, and "
                                 "models that bring their own code are not run") from error
    if not getattr(processor, "chat_template", None):
        raise ExternalModelError(f"{model} has no chat template: put one into chat_template.jinja in its folder")
    processor.chat_template = conversation.on_one_day(processor.chat_template)
    four_bits.settle(loaded)
    return ExternalModel(loaded.to("cuda" if torch.cuda.is_available() else "cpu").eval(), processor)


def message(prompt: str, images: list) -> list[dict]:
    """One user turn with pictures and text in the order of the prompt.

    Raises ExternalModelError where marks and pictures differ in number.
    """
    texts = prompt.split(IMAGE) if IMAGE in prompt else [""] * len(images) + [prompt]
    if len(texts) != len(images) + 1:
        raise ExternalModelError(f"a prompt marks {len(texts) - 1} pictures, but its item has {len(images)}: "
                                 f"{prompt[:80]!r}")
    parts = [[{"type": "text", "text": text}] if text else [] for text in texts]
    pictures = [[{"type": "image", "image": image}] for image in images] + [[]]
    content = [one for text, image in zip(parts, pictures, strict=True) for one in (*text, *image)]
    return [{"role": "user", "content": content}]


def inputs_of(external: ExternalModel, prompt: str, images: list):
    """Model inputs of a prompt and its pictures, by the model's chat template."""
    inputs = external.processor.apply_chat_template(
        message(prompt, images), tokenize=True, add_generation_prompt=True, return_dict=True, return_tensors="pt")
    return inputs.to(external.model.device, external.model.dtype)


@torch.inference_mode()
def logits(external: ExternalModel, prompt: str, images: list) -> torch.Tensor:
    """The model's logits of a prompt: (tokens, vocabulary)."""
    return external.model(**inputs_of(external, prompt, images)).logits[0].float().cpu()


@torch.inference_mode()
def answer(external: ExternalModel, item, pictures: Mapping) -> str:
    """The model's answer to one item, a row of the `items` table. `pictures`: the RGB image of each id."""
    inputs, task = inputs_of(external, item.prompt, [pictures[i] for i in item.images]), tasks.TASKS[item.task]
    tokens = external.model.generate(**inputs, do_sample=False, max_new_tokens=task.max_new_tokens, min_new_tokens=1,
                                     repetition_penalty=task.repetition_penalty)
    new = tokens[:, inputs["input_ids"].shape[1]:]  # (1, new tokens)
    return external.processor.batch_decode(new, skip_special_tokens=True)[0].strip()


def answers(external: ExternalModel, items: pd.DataFrame, pictures: Mapping, say: Callable = print) -> list[str]:
    """Answer each item and print the progress every hundred items."""
    texts: list[str] = []
    for item in items.itertuples():
        texts.append(answer(external, item, pictures))
        if len(texts) % 100 == 0:
            say(f"{len(texts)}/{len(items)} answers")
    return texts
