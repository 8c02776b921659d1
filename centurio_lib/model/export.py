"""Export a trained model to a folder that AutoModelForImageTextToText of transformers loads.

An adapter that was trained on 4 bits is merged into the weights in full precision: merging into 4 bits would round the
trained weights. Answers are then those of the adapter on the base model in full precision.
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
from centurio_lib.model import batches, conversation, forward, image_features, llava, precision
from centurio_lib.model.conversation import IMAGE
from centurio_lib.params import Profile

# largest relative difference of logits: merging in bfloat16 rounds weights and activations to 8 bits
TOLERANCE = {"float32": 1e-3, "bfloat16": 5e-2}
# prefix of a chat template of texts, so that it takes lists of images and texts as well; text that follows the leading
# images in training follows these here too
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
    """A trained part has no counterpart in transformers' LLaVA; the message names the part."""


def export(profile: Profile, tokenizer, model, folder: Path) -> Path:
    """Write a tuned model with merged adapter, tokenizer and image processor. Returns the folder.

    The model is merged in place. Raises ExportError for tiles, capped logits, or weights in 4 bits.
    """
    check(llava.plain(model))
    merged = plain(model, precision.dtype(profile.base.dtype))
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
    """Relative difference of two models' logits (tokens, vocabulary). Raises ExportError above the tolerance."""
    if ours.shape != theirs.shape:
        raise ExportError(f"the exported model reads the question as {tuple(theirs.shape)} (tokens, vocabulary), "
                          f"the trained one as {tuple(ours.shape)}")
    found = float((ours - theirs).norm() / ours.norm())
    if not found <= TOLERANCE[dtype]:  # NaN too
        raise ExportError(f"the exported model's logits differ from the trained one's by {found:.1e} of their size, "
                          f"more than {TOLERANCE[dtype]:.0e}: do not use that folder")
    return found


def check(untuned: LlavaForConditionalGeneration) -> None:
    """Check that transformers' LLaVA can represent a model. Raises ExportError otherwise."""
    if untuned.is_loaded_in_4bit:
        raise ExportError("the model is loaded in 4 bits: build it with load_4bit set to false, and the adapter is "
                          "merged in full")
    if untuned.model.multi_modal_projector.linear_1.in_features != untuned.config.vision_config.hidden_size:
        raise ExportError("the model looks at tiles, which transformers' own LLaVA does not: export a setup with "
                          "tiling 1")
    if getattr(untuned.config.text_config, "final_logit_softcapping", None):
        raise ExportError("the language model caps its logits, which transformers' own LLaVA leaves out")


def plain(model, dtype: torch.dtype) -> LlavaForConditionalGeneration:
    """Merge LoRA, convert all parts to one precision, and fold Cohere's scale of logits into the output head."""
    merged = (model.merge_and_unload() if isinstance(model, PeftModel) else model).to(dtype).eval()
    scale = getattr(merged.config.text_config, "logit_scale", None) or 1.0
    if scale != 1.0:
        head = merged.lm_head
        own = torch.nn.Linear(head.in_features, head.out_features, bias=head.bias is not None, dtype=dtype)
        own.weight.data = head.weight.data * scale  # a power of two in the known models, so nothing is rounded
        merged.lm_head, merged.config.tie_word_embeddings = own, False
        merged.config.text_config.tie_word_embeddings = False
    return merged


def processor(profile: Profile, tokenizer, config) -> LlavaProcessor:
    """Processor of chat template, tokenizer and images; an image gets one placeholder for each of its tokens."""
    side = profile.base.image_size
    images = SiglipImageProcessorPil(size={"height": side, "width": side}, resample=3)  # bicubic, to a square
    return LlavaProcessor(image_processor=images, tokenizer=tokenizer, patch_size=config.vision_config.patch_size,
                          vision_feature_select_strategy="full", num_additional_image_tokens=0, image_token=IMAGE,
                          chat_template=template(tokenizer))


def template(tokenizer) -> str:
    """The tokenizer's chat template, extended to messages that are lists of images and texts."""
    after = conversation.after_images(tokenizer).replace("\n", "\\n")
    return FLATTENED.format(image=IMAGE, after=after) + tokenizer.chat_template
