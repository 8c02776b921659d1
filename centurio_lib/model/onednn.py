"""Linear layers in single precision by oneDNN, torch's second library of matrix products on a CPU.

torch multiplies matrices in float32 by MKL, which uses half the width of a processor of AMD (measured on an EPYC of
family 26: 102 GFLOP/s a core, where oneDNN has 200). Products are those of MKL up to rounding.
"""

import torch
from torch.nn import functional


class Linear(torch.nn.Linear):
    """A linear layer by oneDNN on a CPU in float32, and as torch computes it elsewhere."""

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Output states (..., out features) of states (..., in features)."""
        if not suited(states) or self.weight.dtype != torch.float32:
            return super().forward(states)
        return functional.linear(states.to_mkldnn(), self.weight, self.bias).to_dense()


def suited(states: torch.Tensor) -> bool:
    """Say whether oneDNN can multiply these states: rows of numbers in float32, on a CPU, outside autocast."""
    return (states.device.type == "cpu" and states.dtype == torch.float32 and states.ndim > 1 and states.numel() > 0
            and not torch.is_autocast_enabled("cpu"))


def use(model: torch.nn.Module, on: bool = True) -> torch.nn.Module:
    """Have a model's plain linear layers compute by oneDNN, or by torch's own way; weights stay in place.

    Layers of other classes (in 4 bits, say) stay as they are. Returns the model.
    """
    before, after = (torch.nn.Linear, Linear) if on else (Linear, torch.nn.Linear)
    if torch.backends.mkldnn.is_available():
        for module in model.modules():
            if type(module) is before:
                module.__class__ = after
    return model
