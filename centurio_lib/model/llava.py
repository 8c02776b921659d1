"""Build `LlavaForConditionalGeneration` of transformers from any vision tower and causal LM.

The projector has two layers and GELU (paper, section 3). LoRA (peft) covers all linear layers of the language model,
alpha = 2 r. NF4 is optional and quantises the language model only, without its output head.
"""

from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import LlavaConfig, LlavaForConditionalGeneration
from transformers.models.llava.modeling_llava import LlavaMultiModalProjector

from centurio_lib import storage
from centurio_lib.model import components, onednn
from centurio_lib.model.conversation import IMAGE
from centurio_lib.model.tiling import width
from centurio_lib.params import Profile, Setup

LORA_DROPOUT = 0.05  # official code; the paper does not state it
TRAINED, BASE = "trained.safetensors", "base.json"
CPU = torch.device("cpu")


class AdapterError(ValueError):
    """An adapter was trained on another base model."""


def assemble(vision, language_model, tokenizer, vision_layer: int, seed: int,
             tiling: int = 1) -> LlavaForConditionalGeneration:
    """Build LLaVA around given parts without copying these; only the projector is new, drawn from `seed`.

    With tiles, image tokens are twice as wide, which transformers' forward pass from pixels does not support.
    """
    config = LlavaConfig(vision_config=vision.config, text_config=language_model.config,
                         image_token_index=tokenizer.convert_tokens_to_ids(IMAGE), vision_feature_layer=vision_layer,
                         vision_feature_select_strategy="full", projector_hidden_act="gelu",
                         tie_word_embeddings=bool(language_model.config.tie_word_embeddings))
    with torch.device("meta"):  # a shell: every part is replaced below
        llava = LlavaForConditionalGeneration(config)
    # transformers' projector is as wide as the features of all layers in its config
    wide = LlavaConfig(**config.to_dict() | {"vision_feature_layer": [vision_layer] * width(tiling)})
    torch.manual_seed(seed)
    projector = LlavaMultiModalProjector(wide).to(language_model.dtype)
    llava.model.vision_tower, llava.model.multi_modal_projector = vision, projector
    llava.model.language_model, llava.lm_head = language_model.model, output_head(language_model)
    llava.is_loaded_in_4bit = getattr(language_model, "is_loaded_in_4bit", False)  # so that peft knows what it wraps
    llava.generation_config.eos_token_id = tokenizer.eos_token_id
    llava.generation_config.pad_token_id = tokenizer.pad_token_id
    llava.untuned = fingerprint(llava)
    return onednn.use(llava)


def output_head(language_model) -> torch.nn.Linear:
    """The output head with the scale (Cohere) or cap (Gemma 2) of logits, which LLaVA would leave out."""
    own, config = language_model.lm_head, language_model.config
    scale, cap = getattr(config, "logit_scale", None) or 1.0, getattr(config, "final_logit_softcapping", None)
    if scale == 1.0 and not cap:
        return own
    head = torch.nn.Linear(own.in_features, own.out_features, own.bias is not None, device="meta")
    head.weight, head.bias = own.weight, own.bias
    head.register_forward_hook(lambda module, inputs, logits: cap * torch.tanh(logits * scale / cap) if cap
                               else logits * scale)
    return head


def build(profile: Profile, seed: int, tiling: int = 1,
          device: torch.device = CPU) -> tuple[LlavaForConditionalGeneration, object]:
    """Load the untuned model of a profile on a device, and its tokenizer; `tiling` is that of the setup."""
    tokenizer = components.load_tokenizer(profile.base)
    language_model = components.load_language_model(profile.base, tokenizer, profile.load_4bit, device)
    vision = components.load_vision(profile.base)
    llava = assemble(vision, language_model, tokenizer, profile.base.vision_layer, seed, tiling)
    if profile.gradient_checkpointing:  # acts in training only
        llava.model.language_model.activation_checkpointing_enable({"use_reentrant": False})
    return llava.to(device), tokenizer


def linear_layers(llava) -> list[str]:
    """Names of all linear layers of the language model (its output head is not one of them)."""
    wanted = (torch.nn.Linear,)
    return [f"model.language_model.{name}" for name, module in llava.model.language_model.named_modules()
            if isinstance(module, wanted)]


def tune(llava, profile: Profile, setup: Setup):
    """Make exactly the tuned parts of a setup trainable. Returns the model, wrapped by peft for LoRA."""
    tuning, rank = setup.tuning or profile.tuning, setup.lora_rank or profile.lora_rank
    llava.requires_grad_(False)
    if tuning == "lora":
        # parts that are trained whole are named here: peft saves no tensor that is unfrozen without its knowledge
        whole = ["multi_modal_projector", *(["vision_tower"] if setup.tune_encoder else [])]
        in_full(llava, whole)
        config = LoraConfig(r=rank, lora_alpha=2 * rank, lora_dropout=LORA_DROPOUT, bias="none",
                            target_modules=linear_layers(llava), modules_to_save=whole)
        return onednn.use(get_peft_model(llava, config))
    llava.model.multi_modal_projector.requires_grad_(True)
    llava.model.vision_tower.requires_grad_(setup.tune_encoder)
    for part in (llava.model.language_model, llava.lm_head):  # the head is a part of its own where it is not tied
        part.requires_grad_(tuning == "full")
    for p in llava.parameters():
        p.data = p.data.float() if p.requires_grad else p.data
    return llava


def in_full(llava, parts_of_it: list[str]) -> None:
    """Convert trained parts to float32, since bfloat16 rounds updates at a rate of 1e-6 away."""
    for name in parts_of_it:
        getattr(llava.model, name).float()


def plain(model) -> LlavaForConditionalGeneration:
    """The LLaVA inside a model that peft may have wrapped; its LoRA layers stay in place."""
    return model.get_base_model() if isinstance(model, PeftModel) else model


def trainable(model) -> dict[str, torch.nn.Parameter]:
    """Trained parameters by name."""
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def save(model, folder: Path) -> Path:
    """Write the trained weights: in peft's adapter format for LoRA, else as tensors."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    storage.write_json(folder / BASE, {"weights": plain(model).untuned})
    if isinstance(model, PeftModel):
        model.save_pretrained(folder)
    else:
        with storage.atomic(folder / TRAINED) as temporary:
            save_file({name: p.detach().contiguous() for name, p in trainable(model).items()}, temporary)
    return folder


def load(llava, folder: Path, train: bool = False):
    """Load trained weights of an earlier run onto an untuned model. Raises FileNotFoundError without any."""
    folder = Path(folder)
    if (folder / "adapter_config.json").exists() and (folder / "adapter_model.safetensors").exists():
        check_base(llava, folder)
        config = LoraConfig.from_pretrained(folder)
        in_full(llava, config.modules_to_save)  # else the trained weights would be rounded
        return onednn.use(PeftModel.from_pretrained(llava, folder, config=config, is_trainable=train,
                                                    torch_device=str(llava.device)))  # else read onto the first GPU
    if not (folder / TRAINED).exists():
        raise FileNotFoundError(f"{folder} holds no adapter as safetensors (pickled ones are not read): run the "
                                "training notebook first")
    check_base(llava, folder)
    tensors = load_file(folder / TRAINED)
    llava.requires_grad_(False)
    parameters = dict(llava.named_parameters())
    for name, tensor in tensors.items():
        parameters[name].data = tensor.to(parameters[name].device)
        parameters[name].requires_grad_(train)
    return llava


def fingerprint(llava) -> str:
    """Digest of some weights of an untuned LLaVA; it identifies the base models in any folder or precision."""
    looked_at = [llava.get_input_embeddings().weight[:64], llava.model.vision_tower.embeddings.patch_embedding.weight,
                 *(p for name, p in llava.model.language_model.named_parameters() if "norm" in name)]
    return storage.sha256(b"".join(p.detach().cpu().to(torch.bfloat16).float().numpy().tobytes() for p in looked_at))


def check_base(llava, folder: Path) -> None:
    """Check the base models of an adapter. Raises AdapterError for an adapter of other base models."""
    if storage.read_json(folder / BASE)["weights"] != llava.untuned:
        config = llava.config.text_config
        raise AdapterError(f"{folder} holds an adapter of another base model than this {config.model_type} of width "
                           f"{config.hidden_size}: name the base models that it was trained on, or train it again")


def merged(model) -> LlavaForConditionalGeneration:
    """A plain LLaVA for decoding: LoRA is merged into the weights, but not into 4 bits, which would round."""
    llava = plain(model)
    return (llava if model is llava or llava.is_loaded_in_4bit else model.merge_and_unload()).eval()
