"""Tiny random image-text-to-text models of other families, saved as a user would have them from the hub."""

import copy
from pathlib import Path

import tiny
import torch
from transformers import LlamaConfig, LlavaConfig, LlavaForConditionalGeneration, LlavaProcessor, SiglipVisionConfig
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

CHAT = ("{% for m in messages %}<|{{ m['role'] }}|>{% for c in m['content'] %}{% if c['type'] == 'image' %}<image>"
        "{% else %}{{ c['text'] }}{% endif %}{% endfor %}{% endfor %}"
        "{% if add_generation_prompt %}<|assistant|>{% endif %}")
SIDE, PATCH = 32, 16


def llava(folder: Path, chat: str = CHAT) -> Path:
    """A LLaVA around a Llama, which the study has none of."""
    torch.manual_seed(0)
    tokenizer = copy.deepcopy(tiny.tokenizer())
    tokenizer.chat_template = None  # the study's; a processor has its own
    text = LlamaConfig(vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                       num_attention_heads=4, num_key_value_heads=2, initializer_range=0.3,
                       pad_token_id=tokenizer.pad_token_id, bos_token_id=tokenizer.bos_token_id,
                       eos_token_id=tokenizer.eos_token_id)
    vision = SiglipVisionConfig(hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
                                image_size=SIDE, patch_size=PATCH, vision_use_head=False)
    model = LlavaForConditionalGeneration(LlavaConfig(
        vision_config=vision, text_config=text, image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        vision_feature_select_strategy="full", vision_feature_layer=-1))
    processor = LlavaProcessor(image_processor=SiglipImageProcessorPil(size={"height": SIDE, "width": SIDE}),
                               tokenizer=tokenizer, patch_size=PATCH, vision_feature_select_strategy="full",
                               num_additional_image_tokens=0, chat_template=chat)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return Path(folder)
