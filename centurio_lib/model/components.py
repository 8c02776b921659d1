"""Load the parts of LLaVA from a hub or local folders: vision tower, language model and tokenizer.

Only safetensors are read, and no code of a repository runs. In 4 bits only the language model is quantised (NF4, double
quantisation), without its output head; vision tower and projector are not.
"""

import shutil
from contextlib import contextmanager
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig, SiglipVisionModel
from transformers.utils import logging

from centurio_lib.data.hub import hub
from centurio_lib.model import four_bits, precision
from centurio_lib.model.conversation import IMAGE, end_of_turn, on_one_day, rendered
from centurio_lib.params import Base

NOT_QUANTISED = ["lm_head"]  # a list of modules replaces transformers' exclusion of the head, so the head is named here
TERMS = ["NOTICE*", "*TERMS*", "USE_POLICY*"]  # files of terms, by the names that publishers give them
FORMAT = {"use_safetensors": True, "trust_remote_code": False}


@contextmanager
def quietly():
    """Silence transformers' lists of unused weights within the block."""
    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)


def load_vision(base: Base) -> SiglipVisionModel:
    """Load the vision tower without SigLIP's text half and pooling head. Raises hub.HubError."""
    folder = hub.model(base.vision, base.vision_revision)
    with quietly():
        model = SiglipVisionModel.from_pretrained(folder, vision_use_head=False, dtype=precision.dtype(base.dtype),
                                                  **FORMAT)
    return model.eval()


def load_tokenizer(base: Base):
    """Load the tokenizer with an image placeholder and the profile's system line in its chat template.

    Its end token is the one that ends a turn. Raises hub.HubError, and conversation.ConversationError for a template
    that does not mark answers.
    """
    folder = hub.model(base.language_model, base.language_model_revision, weights=False)
    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left", after_images=base.text_after_images,
                                              trust_remote_code=False)
    if IMAGE not in tokenizer.get_vocab():
        tokenizer.add_special_tokens({"additional_special_tokens": [IMAGE]})
    tokenizer.chat_template = on_one_day(tokenizer.chat_template or "") or None
    end = end_of_turn(tokenizer)
    if base.system_prompt is not None:
        tokenizer.chat_template = with_system(tokenizer.chat_template, base.system_prompt)
        rendered(tokenizer, [{"role": "user", "content": "Q"}])  # refused here where the template knows no such line
    tokenizer.eos_token = end  # Phi's own ends the whole text
    if tokenizer.pad_token is None:  # Llama 3 has none; masks mark padding, so any token will do
        tokenizer.pad_token = end
    return tokenizer


def pass_on(base: Base, folder: Path) -> None:
    """Copy the language model's notice and terms, which every derived model has to include."""
    source = hub.model(base.language_model, base.language_model_revision)
    for file in sorted(file for pattern in TERMS for file in source.glob(pattern)):
        shutil.copy(file, folder / file.name)


def with_system(template: str, line: str) -> str:
    """Change a chat template to begin each conversation with a system line."""
    quoted = line.replace("\\", "\\\\").replace("'", "\\'")
    return f"{{%- set messages = [{{'role': 'system', 'content': '{quoted}'}}] + messages -%}}{template}"


def load_language_model(base: Base, tokenizer, load_4bit: bool = False, device: torch.device | None = None):
    """Load the causal LM, in NF4 if `load_4bit`; its embeddings grow only if the placeholder needs a row.

    `device`: place of the quantisation, shard by shard, so that it never holds the full model; None: the CPU.
    """
    quantised = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
                                   bnb_4bit_compute_dtype=torch.bfloat16, llm_int8_skip_modules=NOT_QUANTISED)
    model = AutoModelForCausalLM.from_pretrained(
        hub.model(base.language_model, base.language_model_revision), dtype=precision.dtype(base.dtype),
        quantization_config=quantised if load_4bit else None,
        device_map={"": device} if load_4bit and device else None, **FORMAT)
    if len(tokenizer) > model.get_input_embeddings().num_embeddings:
        with torch.random.fork_rng():  # new rows of embeddings are drawn: the same at every load
            torch.manual_seed(0)
            model.resize_token_embeddings(len(tokenizer), pad_to_multiple_of=64)
    four_bits.settle(model)
    return model
