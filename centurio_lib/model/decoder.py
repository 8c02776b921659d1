"""The study's own small multilingual decoder: Phi-3's architecture, a byte-level BPE tokenizer, plain language modelling."""

import time
from pathlib import Path

import numpy as np
import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from torch import nn
from transformers import Phi3Config, Phi3ForCausalLM, PreTrainedTokenizerFast

from centurio_lib.data import corpus
from centurio_lib.model import checkpoint
from centurio_lib.model.batches import Batch, collate, pack
from centurio_lib.model.conversation import IMAGE, Conversation
from centurio_lib.params import DecoderSize

PAD = "<pad>"
SPECIAL = [PAD, corpus.BREAK, corpus.END, corpus.USER, corpus.ASSISTANT, IMAGE]
# letters with their marks in one piece, so that words of Indic scripts are not cut at each vowel sign
WORD = r" ?[\p{L}\p{M}\u200c\u200d’']+| ?\p{N}| ?[^\s\p{L}\p{M}\p{N}]|\s+"
FIRST_TOKEN_WEIGHT = 4.0
FILL = 0.93  # of the rows of a step: documents stay whole, so some room is left
CHAT_TEMPLATE = (
    "{% for message in messages %}{% if message['role'] == 'user' %}<|user|>{{ message['content'] }}<|end|>"
    "{% else %}<|assistant|>{% generation %}{{ message['content'] }}<|end|>{% endgeneration %}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}")


def train_tokenizer(texts, vocabulary: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer of `vocabulary` tokens learned on an iterable of texts."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Prepend(" ")  # a word after a special token is the same token as after a space
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(WORD), "isolated"),
                                                       pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=vocabulary, special_tokens=SPECIAL, show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(texts, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token=PAD, eos_token=corpus.END, bos_token=corpus.BREAK,
                                   padding_side="left", clean_up_tokenization_spaces=False)
    fast.chat_template = CHAT_TEMPLATE
    return fast


def new(tokenizer, size: DecoderSize, seed: int) -> Phi3ForCausalLM:
    """A Phi-3 decoder with random weights drawn from `seed`; input and output embeddings are one matrix."""
    torch.manual_seed(seed)
    return Phi3ForCausalLM(Phi3Config(
        vocab_size=len(tokenizer), hidden_size=size.hidden, intermediate_size=size.hidden * 8 // 3 // 32 * 32,
        num_hidden_layers=size.layers, num_attention_heads=size.heads, num_key_value_heads=size.heads,
        max_position_embeddings=2048, original_max_position_embeddings=2048,
        initializer_range=size.hidden ** -0.5,  # the default 0.02 suits wide models: narrow ones hardly learn to copy from it
        tie_word_embeddings=True, pad_token_id=tokenizer.pad_token_id, bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id))


def drawn(tokenizer, draw: corpus.Draw, step: int, tokens: int) -> list[Conversation]:
    """Whole documents of about `tokens` tokens in all, drawn for one step alone, so that a killed training can go on."""
    random, found = np.random.default_rng((draw.seed, step)), []
    while sum(len(c.ids) for c in found) < tokens:
        coded = tokenizer([corpus.BREAK + draw(random) for _ in range(4)], add_special_tokens=False)["input_ids"]
        found += [Conversation(f"step {step}", np.array(ids), learned(tokenizer, np.array(ids)), []) for ids in coded]
    return found


def learned(tokenizer, ids: np.ndarray) -> np.ndarray:
    """Tokens of a document to learn: all of plain text, only the answers of a conversation. (tokens,) of bool."""
    user, assistant = (ids == tokenizer.convert_tokens_to_ids(t) for t in (corpus.USER, corpus.ASSISTANT))
    asked = np.cumsum(user) - np.cumsum(assistant)  # (tokens,): 1 within a user turn
    return (asked == 0) & ~assistant & (np.arange(len(ids)) > 0)


def batch_of(documents: list[Conversation], length: int, pad: int) -> Batch:
    """Documents in rows of `length` tokens, longer ones cut, each seeing itself only."""
    cut = [c._replace(ids=c.ids[:length], learned=c.learned[:length]) for c in documents]
    return collate([[cut[i] for i in row] for row in pack([len(c.ids) for c in cut], length)], pad)


def train(model, tokenizer, draw: corpus.Draw, size: DecoderSize, folder: Path, key: str, say=print) -> float:
    """Next-token training on drawn documents, resumable. Returns the mean loss (nats a token) of the last 100 steps."""
    torch.manual_seed(draw.seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=size.lr, betas=(0.9, 0.98), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda i: min((i + 1) / 100, 1.0, (size.steps - i) / max(1, 0.4 * size.steps)))
    path, named = checkpoint.path_of(folder, key), dict(model.named_parameters())
    done, log = checkpoint.restore(path, key, named, optimizer, schedule)
    model.train()
    start = time.monotonic()
    for step in range(done + 1, size.steps + 1):
        documents = drawn(tokenizer, draw.at(step / size.steps), step, int(FILL * size.batch * size.length))
        loss = loss_of(model, tokenizer, batch_of(documents, size.length, tokenizer.pad_token_id))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        log.append([loss.item()])
        if step % 100 == 0 or step == size.steps:
            left = (time.monotonic() - start) / (step - done) * (size.steps - step)
            say(f"decoder step {step}/{size.steps} loss {np.mean(log[-100:]):.3f}, {left:.0f} s left")
            checkpoint.store(path, key, step, named, optimizer, log)
    model.eval()
    return float(np.mean(log[-100:])) if log else float("nan")


def loss_of(model, tokenizer, batch: Batch) -> torch.Tensor:
    """Weighted mean cross-entropy (nats) of the next token, user turns left out."""
    hidden = model.model(input_ids=batch.ids, attention_mask=batch.mask, position_ids=batch.positions, use_cache=False).last_hidden_state
    targets = batch.labels[:, 1:]
    mine = targets != -100
    losses = nn.functional.cross_entropy(model.lm_head(hidden[:, :-1][mine]), targets[mine], reduction="none")  # (labels,)
    first = (batch.ids[:, :-1] == tokenizer.convert_tokens_to_ids(corpus.ASSISTANT))[mine]
    # the first token decides an answer, and letters, true and false have no other: without a weight long answers drown them
    weights = torch.where(first, FIRST_TOKEN_WEIGHT, 1.0)
    return (weights * losses).sum() / weights.sum()


@torch.no_grad()
def perplexity(model, tokenizer, context: str, text: str) -> tuple[float, int]:
    """Summed negative log-likelihood (nats) of `text` after `context`, and its number of UTF-8 bytes."""
    given = tokenizer(corpus.BREAK + context, add_special_tokens=False)["input_ids"]
    ids = given + tokenizer(text, add_special_tokens=False)["input_ids"]
    logits = model(input_ids=torch.tensor([ids])).logits[0, len(given) - 1:-1]  # (text tokens, vocabulary)
    return nn.functional.cross_entropy(logits, torch.tensor(ids[len(given):]), reduction="sum").item(), len(text.encode())
