"""Linear layers by oneDNN: the products, gradients and weights of torch's own.

Run with: pytest tests/test_onednn.py
"""

import pytest
import tiny
import torch

from centurio_lib.model import llava, onednn


def layer(on: bool, bias: bool = True, dtype: torch.dtype = torch.float32) -> torch.nn.Linear:
    """A layer from 48 to 32 numbers, the same at each call."""
    torch.manual_seed(0)
    return onednn.use(torch.nn.Sequential(torch.nn.Linear(48, 32, bias, dtype=dtype)), on)[0]


@pytest.mark.parametrize("shape", [(48,), (1, 48), (7, 48), (3, 5, 48), (0, 48)])
@pytest.mark.parametrize("bias", [True, False])
def test_products_and_gradients_are_those_of_torch(shape, bias):
    states = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    found = []
    for on in (False, True):
        one, given = layer(on, bias), states.clone().requires_grad_()
        made = one(given)
        (made ** 2).sum().backward()
        found.append([made, given.grad, *(p.grad for p in one.parameters())])
    for ours, theirs in zip(*found, strict=True):
        assert ours.shape == theirs.shape and torch.allclose(ours, theirs, atol=1e-4, rtol=1e-5)


def test_other_precisions_are_computed_as_ever():
    states = torch.randn(7, 48)
    half = states.bfloat16()
    assert torch.equal(layer(True, dtype=torch.bfloat16)(half), layer(False, dtype=torch.bfloat16)(half))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert layer(True)(states).dtype == torch.bfloat16


def test_frozen_layers_get_no_gradient_and_pass_it_on():
    one, states = layer(True).requires_grad_(False), torch.randn(7, 48, requires_grad=True)
    one(states).sum().backward()
    assert one.weight.grad is None and torch.allclose(states.grad[0], one.weight.sum(0), atol=1e-5)


def test_models_are_made_of_them_with_an_adapter_too_and_can_go_back():
    model = llava.tune(tiny.model(), tiny.PROFILE, tiny.SETUP)
    linear = [module for module in model.modules() if isinstance(module, torch.nn.Linear)]
    assert linear and all(isinstance(module, onednn.Linear) for module in linear)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    onednn.use(model, on=False)
    assert not any(isinstance(module, onednn.Linear) for module in model.modules())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
