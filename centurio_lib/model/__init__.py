"""The model: batches of conversations, LLaVA from its parts, one training stage, decoding."""

import logging

# peft imports bitsandbytes, which warns on CPUs with bfloat16 that a faster 4-bit kernel of the hub is not installed
logging.getLogger("bitsandbytes.backends.cpu.ops").addFilter(lambda record: "gemm_4bit_forward" not in record.msg)
