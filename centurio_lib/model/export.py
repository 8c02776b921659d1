"""A trained model as a plain folder, which transformers loads without this library: AutoModelForImageTextToText.

An adapter that was trained on 4 bits is merged into the weights in full: they are what a plain folder holds, and merging
into 4 bits would round what was learned. Its answers are then those of the adapter on the base in full.
"""

from pathlib import Path

import torch
from peft import PeftModel
from transformers import LlavaForConditionalGeneration, LlavaProcessor
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

from centurio_lib.model import llava
from centurio_lib.model.conversation import IMAGE
from centurio_lib.params import Profile


class ExportError(ValueError):
    """What was trained has no counterpart in transformers' own LLaVA; the message says what."""


def export(profile: Profile, tokenizer, untuned, adapter: Path, folder: Path) -> Path:
    """Write an adapter, merged into its untuned model, with tokenizer and image processor. Returns the folder.

    Raises ExportError for models with tiles, capped logits, or weights in 4 bits.
    """
    check(untuned)
    merged = plain(llava.load(untuned, adapter), getattr(torch, profile.base.dtype))
    merged.save_pretrained(folder)
    processor(profile, tokenizer, merged.config).save_pretrained(folder)
    return Path(folder)


def check(untuned: LlavaForConditionalGeneration) -> None:
    """Raises ExportError for what transformers' own LLaVA cannot do."""
    if untuned.is_loaded_in_4bit:
        raise ExportError("the model is loaded in 4 bits: build it with load_4bit set to false, and the adapter is merged in full")
    if untuned.model.multi_modal_projector.linear_1.in_features != untuned.config.vision_config.hidden_size:
        raise ExportError("the model looks at tiles, which transformers' own LLaVA does not: export a setup with tiling 1")
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
    side = profile.base.pixels
    images = SiglipImageProcessorPil(size={"height": side, "width": side}, resample=3)  # bicubic, to a square
    return LlavaProcessor(image_processor=images, tokenizer=tokenizer, patch_size=config.vision_config.patch_size,
                          vision_feature_select_strategy="full", num_additional_image_tokens=0, image_token=IMAGE,
                          chat_template=tokenizer.chat_template)
