"""Any image-text-to-text model of transformers on the same items as the study's own: what it is asked, how it answers.

A model is named as on the hub, with `@` and a revision where it is pinned, or by its folder. Its processor's own chat
template makes the prompt; pictures stand where the item says, else before the text. Decoding is greedy with the tasks'
own room, as for the study's models; closed questions are open: a foreign model has not learned to end at an option.
One item at a time: several models answer otherwise in padded batches.
"""

from pathlib import Path
from typing import NamedTuple

import pandas as pd
import torch
from transformers import AutoModelForImageTextToText, AutoProcessor

from centurio_lib.data import artwork, image_store
from centurio_lib.data.prompts import IMAGE
from centurio_lib.evaluation import evaluate
from centurio_lib.evaluation.tasks import TASKS
from centurio_lib.model import four_bits
from centurio_lib.params import benchmarks
from centurio_lib.study import evaluating, runs, shown_images


class PeerError(RuntimeError):
    """A model cannot be asked; the message says why and what to do."""


class Peer(NamedTuple):
    """A model and its processor."""

    model: torch.nn.Module
    processor: object


def name_of(model: str) -> str:
    """A model's name in tables: the last part of its name or folder, without its revision."""
    return Path(model.partition("@")[0]).name


def load(model: str, dtype: str = "bfloat16") -> Peer:
    """A model from the hub or a folder, on the GPU if there is one.

    Raises PeerError where it is gated, out of reach, of a kind that transformers does not know, or without template.
    """
    name, _, revision = model.partition("@")
    pinned = {"revision": revision} if revision else {}
    try:
        processor = AutoProcessor.from_pretrained(name, trust_remote_code=False, **pinned)
        loaded = AutoModelForImageTextToText.from_pretrained(
            name, dtype=getattr(torch, dtype), trust_remote_code=False, **pinned)
    except ImportError as error:
        raise PeerError(f"{model} wants a package that the study does not: {error}") from error
    except (OSError, ValueError, KeyError) as error:
        raise PeerError(f"{model} cannot be loaded ({error}): accept its licence on the hub if it has one and fetch it "
                        f"with `hf download {name}`; models that bring their own code are not run") from error
    if not getattr(processor, "chat_template", None):
        raise PeerError(f"{model} has no chat template: put one into chat_template.jinja in its folder")
    four_bits.settle(loaded)
    return Peer(loaded.to("cuda" if torch.cuda.is_available() else "cpu").eval(), processor)


def items(run: runs.Run) -> pd.DataFrame:
    """All items that a profile asks of any setup: drawings, plots where its study has them, published test sets."""
    return evaluate.items(*evaluating.test_data(run), run.profile.evaluation, evaluating.questions(run),
                          evaluating.benchmark_items(run))


class Pictures:
    """Pictures of some items by id, opened when they are asked for."""

    def __init__(self, run: runs.Run, image_ids: list[str]):
        self.shelves: list[image_store.Shelf] = [
            image_store.Tables(files, table, image_ids) for table, files in runs.pictures(run).items()]
        if benchmarks.of_profile(run.profile):
            self.shelves.append(image_store.Folder(shown_images.benchmark_pictures(run), dict.fromkeys(image_ids)))

    def __getitem__(self, image_id: str):
        """The RGB image. Raises ValueError naming a corrupt one, KeyError an unknown one."""
        own = next((one for one in self.shelves if image_id in one), self.shelves[0])
        return artwork.from_bytes(own[[image_id]].image[0], image_id)


def message(prompt: str, images: list) -> list[dict]:
    """One user turn, pictures and text in their order. Raises PeerError where marks and pictures differ in number."""
    texts = prompt.split(IMAGE) if IMAGE in prompt else [""] * len(images) + [prompt]
    if len(texts) != len(images) + 1:
        raise PeerError(f"a prompt marks {len(texts) - 1} pictures, but its item has {len(images)}: {prompt[:80]!r}")
    parts = [[{"type": "text", "text": text}] if text else [] for text in texts]
    pictures = [[{"type": "image", "image": image}] for image in images] + [[]]
    content = [one for text, image in zip(parts, pictures, strict=True) for one in (*text, *image)]
    return [{"role": "user", "content": content}]


def read(peer: Peer, prompt: str, images: list):
    """A prompt and its pictures as the model's inputs, by its own chat template."""
    made = peer.processor.apply_chat_template(
        message(prompt, images), tokenize=True, add_generation_prompt=True, return_dict=True, return_tensors="pt")
    return made.to(peer.model.device, peer.model.dtype)


@torch.inference_mode()
def logits(peer: Peer, prompt: str, images: list) -> torch.Tensor:
    """The model's logits of a prompt: (tokens, vocabulary)."""
    return peer.model(**read(peer, prompt, images)).logits[0].float().cpu()


@torch.inference_mode()
def answer(peer: Peer, item, pictures: Pictures) -> str:
    """The model's answer to one item, a row of the `items` table."""
    inputs = read(peer, item.prompt, [pictures[i] for i in item.images])
    made = peer.model.generate(**inputs, do_sample=False, max_new_tokens=TASKS[item.task].MAX_NEW_TOKENS,
                               repetition_penalty=getattr(TASKS[item.task], "REPETITION_PENALTY", 1.0))
    new = made[:, inputs["input_ids"].shape[1]:]  # (1, new tokens)
    return peer.processor.batch_decode(new, skip_special_tokens=True)[0].strip()


def answers(peer: Peer, items: pd.DataFrame, pictures: Pictures, say=print) -> list[str]:
    """An answer to each item; says every hundredth how far it is."""
    found = []
    for item in items.itertuples():
        found.append(answer(peer, item, pictures))
        if len(found) % 100 == 0:
            say(f"{len(found)}/{len(items)} answers")
    return found


def identity(run: runs.Run, model: str) -> dict:
    """The columns that say which run a row is of: the model is setup and backbone."""
    return {"profile": run.profile.name, "setup": name_of(model), "seed": 0, "backbone": name_of(model)}
