"""One forward pass over a batch with given image features, and the loss on label tokens."""

import torch

from centurio_lib.model.batches import Batch


def computing(llava) -> torch.autocast:
    """Context of a model's forward passes."""
    return autocast(llava.device, llava.get_input_embeddings().weight.dtype)


def autocast(device: torch.device, dtype: torch.dtype) -> torch.autocast:
    """Context of bfloat16 computation for weights in half precision; trained parts stay in float32."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=dtype == torch.bfloat16)


def to_device(batch: Batch, device: torch.device) -> Batch:
    """Move a batch to a device."""
    return Batch(*(part.to(device) if isinstance(part, torch.Tensor) else part for part in batch))


def embed(llava, ids: torch.Tensor, features: torch.Tensor | None) -> torch.Tensor:
    """Input embeddings (rows, tokens, d_lm), with image placeholders replaced by projected features.

    `features`: (image tokens, d_vision) in the order of their placeholders, or None where there is no image.
    Raises ValueError if placeholders and features disagree in number.
    """
    words = llava.get_input_embeddings()(ids)  # (rows, tokens, d_lm)
    if features is None:
        return words
    places = ids == llava.config.image_token_index
    projector = llava.model.multi_modal_projector
    # float32 where it was trained in half precision
    kept = next(p for p in projector.parameters() if p.is_floating_point()).dtype
    projected = projector(features.to(words.device, kept)).to(words.dtype)  # (image tokens, d_lm)
    if int(places.sum()) != len(projected):
        raise ValueError(f"{int(places.sum())} image tokens, but features for {len(projected)}")
    return words.masked_scatter(places[..., None], projected)


def hidden_states(llava, batch: Batch, features: torch.Tensor | None) -> torch.Tensor:
    """Last hidden states (rows, tokens, d_lm) of a batch, packed or not."""
    embedded = embed(llava, batch.ids, features)
    mask = masks(llava.config.text_config, batch, embedded.dtype)
    return llava.model.language_model(inputs_embeds=embedded, attention_mask=mask, position_ids=batch.positions,
                                      use_cache=False).last_hidden_state


def masks(config, batch: Batch, dtype: torch.dtype) -> torch.Tensor | dict[str, torch.Tensor]:
    """Attention mask of a language model: the batch's mask, or one mask for each kind of layer.

    Some layers of some LMs (Gemma 3) see the last tokens only. Positions restart in each conversation, so the window
    covers tokens of the same conversation.
    """
    def written(mask: torch.Tensor) -> torch.Tensor:
        return additive(mask, dtype) if config._attn_implementation == "eager" else mask
    if "sliding_attention" not in (getattr(config, "layer_types", None) or []):
        return written(batch.mask)
    back = batch.positions[:, None, :, None] - batch.positions[:, None, None, :]  # (rows, 1, tokens, tokens)
    near = batch.mask & (back < config.sliding_window)
    return {"full_attention": written(batch.mask), "sliding_attention": written(near)}


def additive(mask: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Convert a mask of bool to numbers added to attention scores, for the eager attention of Gemma 2."""
    return torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill(~mask, torch.finfo(dtype).min)


def loss_sum(llava, batch: Batch, features: torch.Tensor | None) -> tuple[torch.Tensor, int]:
    """Summed cross-entropy (nats) over the label tokens of a batch, and their number.

    Only rows of the hidden states that predict a label go through the output head: with a large vocabulary the head is
    the costliest layer, and most tokens are prompt or image.
    """
    targets = batch.labels[:, 1:]
    labelled = targets != -100
    rows = hidden_states(llava, batch, features)[:, :-1][labelled]  # (labels, d_lm)
    return (torch.nn.functional.cross_entropy(llava.lm_head(rows).float(), targets[labelled], reduction="sum"),
            int(labelled.sum()))
