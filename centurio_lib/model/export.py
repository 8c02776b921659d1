"""A trained model as a plain folder, which transformers loads without this library: AutoModelForImageTextToText.

An adapter that was trained on 4 bits is merged into the weights in full: they are what a plain folder holds, and
merging into 4 bits would round what was learned. Its answers are then those of the adapter on the base in full.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from peft import PeftModel
from PIL import Image
from transformers import LlavaForConditionalGeneration, LlavaProcessor
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from centurio_lib.data import artwork
from centurio_lib.model import batches, conversation, forward, image_features, llava
from centurio_lib.model.conversation import IMAGE
from centurio_lib.params import Profile

# largest relative difference of logits: merging in bfloat16 rounds every weight to 8 bits, and what follows to as many
TOLERANCE = {"float32": 1e-3, "bfloat16": 5e-2}
# before a chat template of texts, so that it takes lists of images and texts as well; what stands after leading images
# in training follows them here too
FLATTENED = """{{%- set flat = namespace(messages=[], text='') -%}}
{{%- for message in messages -%}}
{{%- if message.content is string -%}}{{%- set flat.text = message.content -%}}{{%- else -%}}
{{%- set flat.text = '' -%}}
{{%- set leading = '{image}' * (message.content | selectattr('type', 'equalto', 'image') | list | length) -%}}
{{%- for part in message.content -%}}
{{%- set after = '{after}' if leading and flat.text == leading else '' -%}}
{{%- if part.type == 'image' -%}}{{%- set flat.text = flat.text + '{image}' -%}}
{{%- elif part.text.startswith(after) -%}}{{%- set flat.text = flat.text + part.text -%}}
{{%- else -%}}{{%- set flat.text = flat.text + after + part.text -%}}{{%- endif -%}}
{{%- endfor -%}}{{%- endif -%}}
{{%- set flat.messages = flat.messages + [{{'role': message.role, 'content': flat.text}}] -%}}
{{%- endfor -%}}
{{%- set messages = flat.messages -%}}"""


class ExportError(ValueError):
    """What was trained has no counterpart in transformers' own LLaVA; the message says what."""


def export(profile: Profile, tokenizer, model, folder: Path) -> Path:
    """Write a tuned model, its adapter merged, with tokenizer and image processor. Returns the folder.

    The model is merged where it is. Raises ExportError for one with tiles, capped logits, or weights in 4 bits.
    """
    check(llava.plain(model))
    merged = plain(model, getattr(torch, profile.base.dtype))
    merged.save_pretrained(folder)
    processor(profile, tokenizer, merged.config).save_pretrained(folder)
    return Path(folder)


@torch.no_grad()
def logits(profile: Profile, tokenizer, model, question: str, picture: Image.Image) -> torch.Tensor:
    """Logits (tokens, vocabulary) of a question about a picture, by the study's own forward pass."""
    own, pictures = llava.plain(model), pd.DataFrame({"image_id": ["one"], "image": [artwork.to_bytes(picture)]})
    shown = image_features.look(own.model.vision_tower, pictures, profile.base.vision_layer, profile.base.image_size)[0]
    asked = conversation.prompt(tokenizer, question, [len(shown)])
    sample = conversation.Conversation("one", asked, np.ones(len(asked), bool), ["one"])
    with forward.computing(own):
        states = forward.hidden_states(own, batches.collate([[sample]], 0), shown)  # (1, tokens, d_lm)
        return own.lm_head(states)[0].float()


def difference(ours: torch.Tensor, theirs: torch.Tensor, dtype: str) -> float:
    """Relative difference of two models' logits (tokens, vocabulary). Raises ExportError where they are not alike."""
    if ours.shape != theirs.shape:
        raise ExportError(f"the exported model reads the question as {tuple(theirs.shape)} (tokens, vocabulary), "
                          f"the trained one as {tuple(ours.shape)}")
    found = float((ours - theirs).norm() / ours.norm())
    if not found <= TOLERANCE[dtype]:  # NaN too
        raise ExportError(f"the exported model's logits differ from the trained one's by {found:.1e} of their size, "
                          f"more than {TOLERANCE[dtype]:.0e}: do not use that folder")
    return found


def check(untuned: LlavaForConditionalGeneration) -> None:
    """Raises ExportError for what transformers' own LLaVA cannot do."""
    if untuned.is_loaded_in_4bit:
        raise ExportError("the model is loaded in 4 bits: build it with load_4bit set to false, and the adapter is "
                          "merged in full")
    if untuned.model.multi_modal_projector.linear_1.in_features != untuned.config.vision_config.hidden_size:
        raise ExportError("the model looks at tiles, which transformers' own LLaVA does not: export a setup with "
                          "tiling 1")
    if getattr(untuned.config.text_config, "final_logit_softcapping", None):
        raise ExportError("the language model caps its logits, which transformers' own LLaVA leaves out")


def plain(model, dtype: torch.dtype) -> LlavaForConditionalGeneration:
    """LoRA merged and every part in one precision; the scale of Cohere's logits becomes part of the output head."""
    merged = (model.merge_and_unload() if isinstance(model, PeftModel) else model).to(dtype).eval()
    scale = getattr(merged.config.text_config, "logit_scale", None) or 1.0
    if scale != 1.0:
        head = merged.lm_head
        own = torch.nn.Linear(head.in_features, head.out_features, bias=head.bias is not None, dtype=dtype)
        own.weight.data = head.weight.data * scale  # a power of two in the models at hand, so that nothing is rounded
        merged.lm_head, merged.config.tie_word_embeddings = own, False
        merged.config.text_config.tie_word_embeddings = False
    return merged


def processor(profile: Profile, tokenizer, config) -> LlavaProcessor:
    """Chat template, tokenizer and image processor: an image stands for as many placeholders as it has tokens."""
    side = profile.base.image_size
    images = SiglipImageProcessorPil(size={"height": side, "width": side}, resample=3)  # bicubic, to a square
    return LlavaProcessor(image_processor=images, tokenizer=tokenizer, patch_size=config.vision_config.patch_size,
                          vision_feature_select_strategy="full", num_additional_image_tokens=0, image_token=IMAGE,
                          chat_template=template(tokenizer))


def template(tokenizer) -> str:
    """The tokenizer's chat template, which then takes messages as harnesses write them: lists of images and texts."""
    after = conversation.after_images(tokenizer).replace("\n", "\\n")
    return FLATTENED.format(image=IMAGE, after=after) + tokenizer.chat_template
