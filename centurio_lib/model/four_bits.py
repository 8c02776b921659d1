"""Mend the 4-bit layers of bitsandbytes on CPUs, so that every CPU computes the same.

Two faults of bitsandbytes 0.50 are mended, both on CPUs alone:
- With AVX-512, its kernel expects that each row of a weight fills whole blocks of 64. Other rows get the scales of
  other blocks. This module hands it such a weight as one long row.
- With AVX512-BF16, a layer rewrites its weight at the first forward pass of an evaluation. The rewritten weight
  trains no more, is rounded to bfloat16, and cannot be made where a row is no multiple of 64. This module turns it off.
"""

import math
from functools import cache

import torch


def settle(model: torch.nn.Module) -> None:
    """Mend the 4-bit layers of a model; a model without such layers stays unchanged."""
    layers = [layer for layer in model.modules() if type(layer).__name__ == "Linear4bit"]
    for layer in layers:
        layer.support_avx512bf16_for_cpu = False
    if layers:
        _dequantise_as_one_row()


@cache
def _dequantise_as_one_row() -> torch.library.Library:
    """Register the mended kernel once a process; the registration lasts as long as the returned library."""
    kernel = torch.library.get_kernel("bitsandbytes::dequantize_4bit", "CPU")

    def dequantise(keys, packed, absmax, blocksize, quant_type, shape, dtype):
        rows = shape if shape[-1] % blocksize == 0 else [math.prod(shape)]  # the kernel shares rows among threads
        return kernel.call_boxed(keys, packed, absmax, blocksize, quant_type, rows, dtype).reshape(shape)

    library = torch.library.Library("bitsandbytes", "IMPL")
    library.impl("dequantize_4bit", dequantise, "CPU", with_keyset=True)
    return library
