"""Speed of the translator, compared with plain transformers in one process."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from centurio_lib.data.hub.translators import Fast, Plain, Translator, converted
from centurio_lib.params.hub_data import Translation
from centurio_lib.speed import timing


def compared(folder: Path, kept: Path, options: Translation, texts: list[str], target: str,
             repeats: int = 3) -> pd.DataFrame:
    """Tokens a second of each way on one thread of a CPU: the median of interleaved rounds.

    Columns way, tokens, per_s (tokens of processor time), of_plain (the speed as a multiple of transformers').
    """
    torch.set_num_threads(1)
    copy = converted(folder, kept)
    ways: dict[str, Translator] = {"transformers float32": Plain(folder, options, "cpu")}
    for precision in ("float32", "int8"):
        precise = options.model_copy(update={"precision": precision})
        ways[f"ctranslate2 {precision}"] = Fast(folder, precise, copy, "cpu")

    def prepared(say: Translator) -> Callable[[], list[list[int]]]:
        max_new_tokens = 2 * max(say.length(texts)) + 8
        return lambda: say.answers(texts, target, max_new_tokens)

    seconds, said = timing.rounds({name: partial(prepared, say) for name, say in ways.items()}, repeats)
    tokens = [sum(map(len, answers)) for answers in said.values()]
    per_s = tokens / np.median(list(seconds.values()), axis=1)
    frame = pd.DataFrame({"way": list(ways), "tokens": tokens, "per_s": per_s})
    return frame.assign(of_plain=frame.per_s / frame.per_s[0])
