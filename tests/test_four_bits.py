"""4-bit layers compute the same on every CPU: with AVX-512 or not, with AVX512-BF16 or not, at every width of a row.

Run with: pytest tests/test_four_bits.py
"""

import pytest
import torch

from centurio_lib.model import four_bits

bnb = pytest.importorskip("bitsandbytes")
BLOCK = 64
NARROW, UNEVEN, WHOLE = 32, 96, 128  # of a row: shorter than a block, one and a half blocks, two blocks


@pytest.fixture(params=[0, 1], ids=["without AVX512-BF16", "with AVX512-BF16"])
def layer_of(request, monkeypatch):
    """Maker of a settled NF4 layer, and of its exact weight, on a CPU that answers the probe so."""
    monkeypatch.setattr("bitsandbytes.nn.modules.has_avx512bf16", lambda: request.param)

    def make(width: int):
        torch.manual_seed(0)
        layer = bnb.nn.Linear4bit(width, 64, bias=False, compute_dtype=torch.float32, quant_type="nf4")
        exact = layer.weight.detach().clone()
        model = torch.nn.Sequential(layer.to("cpu")).eval()
        four_bits.settle(model)
        return model, exact
    return make


def expected(exact: torch.Tensor) -> torch.Tensor:
    """The weight that NF4 stands for, by its definition: scale of each block times the nearest of 16 values."""
    values = bnb.functional.get_4bit_type("nf4", device="cpu")
    blocks = exact.reshape(-1, BLOCK)
    scales = blocks.abs().amax(1, keepdim=True)
    nearest = (blocks[..., None] / scales[..., None] - values).abs().argmin(-1)
    return (values[nearest] * scales).reshape(exact.shape)


@pytest.mark.parametrize("width", [NARROW, UNEVEN, WHOLE])
def test_output_and_gradient_are_those_of_the_weight_that_nf4_stands_for(layer_of, width):
    (model, exact), random = layer_of(width), torch.Generator().manual_seed(1)
    weight, x = expected(exact), torch.randn(5, width, generator=random)
    with torch.no_grad():
        assert torch.allclose(model(x), x @ weight.T, atol=0.01)
    x.requires_grad_()
    model(x).sum().backward()
    assert torch.allclose(x.grad, weight.sum(0).expand_as(x), atol=0.05)


@pytest.mark.parametrize("width", [NARROW, UNEVEN, WHOLE])
@torch.no_grad()
def test_an_evaluation_leaves_the_stored_weight_as_it_is(layer_of, width):
    model, _ = layer_of(width)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model(torch.ones(1, width))
    after = model.state_dict()
    assert before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in before)


def test_a_model_without_four_bit_layers_stays_as_it_is():
    model = torch.nn.Linear(4, 4)
    kept = dict(vars(model))
    four_bits.settle(model)
    assert vars(model) == kept
