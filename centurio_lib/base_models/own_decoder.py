"""The small multilingual decoder: Phi-3's architecture, a byte-level BPE tokenizer, next-token training."""

from pathlib import Path

import numpy as np
import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from torch import nn
from transformers import Phi3Config, Phi3ForCausalLM, PreTrainedTokenizerFast

from centurio_lib.base_models import corpus, spelling_lessons
from centurio_lib.base_models.fit import fit
from centurio_lib.data.text_images.documents import READ
from centurio_lib.model import conversation
from centurio_lib.model.batches import Batch, collate, pack
from centurio_lib.model.conversation import IMAGE, Conversation
from centurio_lib.params import SpellingLessons
from centurio_lib.params.base_models import DecoderSize

PAD = "<pad>"
SPECIAL = [PAD, corpus.BREAK, corpus.END, corpus.USER, corpus.ASSISTANT, IMAGE]
# letters with their marks in one piece, so that words of Indic scripts are not cut at each vowel sign
WORD = r" ?[\p{L}\p{M}\u200c\u200d’']+| ?\p{N}| ?[^\s\p{L}\p{M}\p{N}]|\s+"
FIRST_TOKEN_WEIGHT = 4.0
FILL = 0.93  # share of a step's tokens that documents fill, since documents stay whole
CHAT_TEMPLATE = (
    "{% for message in messages %}{% if message['role'] == 'user' %}<|user|>{{ message['content'] }}<|end|>"
    "{% else %}<|assistant|>{% generation %}{{ message['content'] }}<|end|>{% endgeneration %}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}")


def train_tokenizer(texts, vocabulary: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer of `vocabulary` tokens learned on an iterable of texts."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Prepend(" ")  # a word after a special token is the same token as after a space
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(WORD), "isolated"),
                                                       pre_tokenizers.ByteLevel(add_prefix_space=False,
                                                                                use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=vocabulary, special_tokens=SPECIAL, show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(texts, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token=PAD, eos_token=corpus.END,
                                   bos_token=corpus.BREAK,
                                   padding_side="left", clean_up_tokenization_spaces=False)
    fast.chat_template = CHAT_TEMPLATE
    return fast


def new(tokenizer, size: DecoderSize, seed: int) -> Phi3ForCausalLM:
    """A Phi-3 decoder with random weights drawn from `seed`; input and output embeddings are one matrix."""
    torch.manual_seed(seed)
    return Phi3ForCausalLM(Phi3Config(
        vocab_size=len(tokenizer), hidden_size=size.hidden_size, intermediate_size=size.hidden_size * 8 // 3 // 32 * 32,
        num_hidden_layers=size.layers, num_attention_heads=size.heads, num_key_value_heads=size.heads,
        max_position_embeddings=2048, original_max_position_embeddings=2048,
        # the default 0.02 suits wide models: narrow ones hardly learn to copy from it
        initializer_range=size.hidden_size ** -0.5,
        tie_word_embeddings=True, pad_token_id=tokenizer.pad_token_id, bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id))


def drawn(tokenizer, draw: corpus.Draw, step: int, tokens: int) -> list[Conversation]:
    """Draw whole documents of about `tokens` tokens, by step number, so that a training can resume."""
    random, found = np.random.default_rng((draw.seed, step)), []
    while sum(len(c.ids) for c in found) < tokens:
        coded = tokenizer([corpus.BREAK + draw(random) for _ in range(4)], add_special_tokens=False)["input_ids"]
        documents = [np.array(ids) for ids in coded]
        found += [Conversation(f"step {step}", ids, label_mask(tokenizer, ids), []) for ids in documents]
    return found


def label_mask(tokenizer, ids: np.ndarray) -> np.ndarray:
    """Label mask of a document: all of plain text, only the answers of a conversation. (tokens,) of bool."""
    user, assistant = (ids == tokenizer.convert_tokens_to_ids(t) for t in (corpus.USER, corpus.ASSISTANT))
    asked = np.cumsum(user) - np.cumsum(assistant)  # (tokens,): 1 within a user turn
    return (asked == 0) & ~assistant & (np.arange(len(ids)) > 0)


def batch_of(documents: list[Conversation], length: int, pad: int) -> Batch:
    """Batch of documents in rows of `length` tokens; longer documents are cut, each attends to itself only."""
    cut = [c._replace(ids=c.ids[:length], label_mask=c.label_mask[:length]) for c in documents]
    return collate([[cut[i] for i in row] for row in pack([len(c.ids) for c in cut], length)], pad)


def train(model, tokenizer, draw: corpus.Draw, size: DecoderSize, folder: Path, key: str, say=print) -> float:
    """Train on next tokens of documents, resumable. Returns the mean loss (nats a token) of the last 100 steps."""
    def losses(step: int) -> list[torch.Tensor]:
        documents = drawn(tokenizer, draw.at(step / size.steps), step, int(FILL * size.batch_size * size.max_seq_len))
        return [loss_of(model, tokenizer, batch_of(documents, size.max_seq_len, tokenizer.pad_token_id))]
    return _fitted(model, losses, draw.seed, size.lr, size.steps, folder, key, "decoder", say)[0]


def teach_spelling(model, tokenizer, draw: corpus.Draw, size: DecoderSize, spelled: SpellingLessons, folder: Path,
                   key: str, say=print) -> tuple[float, float]:
    """Train on, resumable, half the tokens of a step from documents, half from words letter by letter.

    Returns the mean losses (nats a token) of both halves over the last 100 steps.
    """
    known, tokens = spelling_lessons.words(draw.lexicon), int(FILL * size.batch_size * size.max_seq_len / 2)

    def losses(step: int) -> list[torch.Tensor]:
        parts = drawn(tokenizer, draw, size.steps + step, tokens), letters(tokenizer, known, draw.seed, step, tokens,
                                                                           size.max_seq_len)
        return [loss_of(model, tokenizer, batch_of(part, size.max_seq_len, tokenizer.pad_token_id)) for part in parts]
    return tuple(_fitted(model, losses, draw.seed, spelled.lr, spelled.steps, folder, key, "spelling", say))


def _fitted(model, losses, seed: int, lr: float, steps: int, folder: Path, key: str, what: str, say) -> list[float]:
    torch.manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, betas=(0.9, 0.98), weight_decay=0.01)
    model.train()
    means = fit(dict(model.named_parameters()), losses, optimizer,
                lambda i: min((i + 1) / 100, 1.0, (steps - i) / max(1, 0.4 * steps)), steps, folder, key, what, say)
    model.eval()
    return means


def letters(
    tokenizer, known: spelling_lessons.Words, seed: int, step: int, tokens: int, longest: int
) -> list[Conversation]:
    """Draw words letter by letter for one step, of about `tokens` tokens in all and at most `longest` each."""
    random, found = np.random.default_rng((seed, step, 1)), []
    question = tokenizer(READ, add_special_tokens=False)["input_ids"]
    start, user, assistant, end = (tokenizer.convert_tokens_to_ids(t)
                                   for t in (corpus.BREAK, corpus.USER, corpus.ASSISTANT, corpus.END))
    while sum(len(c.ids) for c in found) < tokens:
        one = spelling_lessons.draw(known, random)
        with conversation.spelling(tokenizer):
            shown, told = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in one)
        asked = [start, user, *shown, *question, end, assistant]
        ids = np.array([*asked, *told, end])
        if len(ids) <= longest:  # a cut conversation would lose its answer
            found.append(Conversation(f"spelling {step}", ids, np.arange(len(ids)) >= len(asked), []))
    return found


def loss_of(model, tokenizer, batch: Batch) -> torch.Tensor:
    """Weighted mean cross-entropy (nats) of the next token, without user turns."""
    hidden = model.model(input_ids=batch.ids, attention_mask=batch.mask, position_ids=batch.positions,
                         use_cache=False).last_hidden_state
    targets = batch.labels[:, 1:]
    mine = targets != -100
    # (labels,)
    losses = nn.functional.cross_entropy(model.lm_head(hidden[:, :-1][mine]), targets[mine], reduction="none")
    first = (batch.ids[:, :-1] == tokenizer.convert_tokens_to_ids(corpus.ASSISTANT))[mine]
    # the first token decides an answer, and is the only token of a letter, true or false: without a weight, long
    # answers would outweigh it
    weights = torch.where(first, FIRST_TOKEN_WEIGHT, 1.0)
    return (weights * losses).sum() / weights.sum()


@torch.no_grad()
def perplexity(model, tokenizer, context: str, text: str) -> tuple[float, int]:
    """Summed negative log-likelihood (nats) of `text` after `context`, and its number of UTF-8 bytes."""
    given = tokenizer(corpus.BREAK + context, add_special_tokens=False)["input_ids"]
    ids = given + tokenizer(text, add_special_tokens=False)["input_ids"]
    logits = model(input_ids=torch.tensor([ids])).logits[0, len(given) - 1:-1]  # (text tokens, vocabulary)
    return (nn.functional.cross_entropy(logits, torch.tensor(ids[len(given):]), reduction="sum").item(),
            len(text.encode()))
