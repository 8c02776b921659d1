"""Linear layers in single precision by oneDNN, torch's second library of matrix products on a CPU.

torch multiplies matrices in float32 by MKL, which uses half the width of a processor of AMD (measured on an EPYC of
family 26: 102 GFLOP/s a core, where oneDNN has 200). Products are those of MKL up to rounding.

torch's public way to oneDNN copies states to a layout of its own and back. `torch.ops.mkldnn._linear_pointwise`, which
torch's compiler calls, takes plain tensors. It has no gradient, so `Product` states it.
"""

import torch

PRODUCT = getattr(torch.ops.mkldnn, "_linear_pointwise", None) if torch.backends.mkldnn.is_available() else None


class Product(torch.autograd.Function):
    """States (..., in features) times a weight (out features, in features): (..., out features)."""

    @staticmethod
    def forward(ctx, states: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """Multiply, and keep both for the gradients."""
        ctx.save_for_backward(states, weight)
        return product(states, weight)

    @staticmethod
    def backward(ctx, slope: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        """Gradients of states and weight, from that of the output (..., out features); None where none is asked for."""
        states, weight = ctx.saved_tensors
        wanted = ctx.needs_input_grad
        return (product(slope, weight.t()) if wanted[0] else None,
                product(slope.flatten(0, -2).t(), states.flatten(0, -2).t()) if wanted[1] else None)


def product(states: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Multiply states (..., in features) by a weight (out features, in features), without a gradient."""
    return PRODUCT(states, weight, None, "none", [], "")


class Linear(torch.nn.Linear):
    """A linear layer by oneDNN on a CPU in float32, and as torch computes it elsewhere."""

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Output states (..., out features) of states (..., in features)."""
        if not suited(states) or self.weight.dtype != torch.float32:
            return super().forward(states)
        made = Product.apply(states, self.weight)
        return made if self.bias is None else made + self.bias


def suited(states: torch.Tensor) -> bool:
    """Say whether oneDNN can multiply these states: rows of numbers in float32, on a CPU, outside autocast."""
    return (states.device.type == "cpu" and states.dtype == torch.float32 and states.ndim > 1 and states.numel() > 0
            and not torch.is_autocast_enabled("cpu"))


def use(model: torch.nn.Module, on: bool = True) -> torch.nn.Module:
    """Have a model's plain linear layers compute by oneDNN, or by torch's own way; weights stay in place.

    Layers of other classes (in 4 bits, say) stay as they are. Returns the model.
    """
    before, after = (torch.nn.Linear, Linear) if on else (Linear, torch.nn.Linear)
    if PRODUCT is not None:
        for module in model.modules():
            if type(module) is before:
                module.__class__ = after
    return model
