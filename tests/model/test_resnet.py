"""Our ResNet-18 is torchvision's: names, initial weights, outputs and gradients."""

import pytest
import torch
import torchvision

from deepfake.model.resnet import ResNet18

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("outputs", [1, 1000])
def test_it_is_that_of_torchvision(outputs: int) -> None:
    torch.manual_seed(3)
    expected, next_number = torchvision.models.resnet18(num_classes=outputs), torch.rand(1)
    torch.manual_seed(3)
    found = ResNet18(outputs)
    assert torch.equal(torch.rand(1), next_number)
    weights, expected_weights = found.state_dict(), expected.state_dict()
    assert [*weights] == [*expected_weights]
    assert all(torch.equal(weights[name], value) for name, value in expected_weights.items())

    images = torch.rand(2, 3, 48, 40)
    for network in (found, expected):
        network(images).square().sum().backward()
    assert torch.equal(found.eval()(images), expected.eval()(images))
    pairs = zip(found.parameters(), expected.parameters(), strict=True)
    assert all(torch.equal(ours.grad, theirs.grad) for ours, theirs in pairs)
