"""ResNet-18 (He et al., CVPR 2016): the same layers, names and initial weights as torchvision's.

Importing torchvision takes as long as importing torch, and a prediction needs nothing else of it.
"""

from torch import Tensor, nn

FEATURES = 512  # inputs of the last layer


class ResNet18(nn.Module):
    """A residual network with four stages of two blocks.

    Args:
        outputs: number of values per image.
    """

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.layer1 = _stage(64, 64, stride=1)
        self.layer2 = _stage(64, 128, stride=2)
        self.layer3 = _stage(128, 256, stride=2)
        self.layer4 = _stage(256, FEATURES, stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc: nn.Module = nn.Linear(FEATURES, outputs)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        """Values of normalised images, batch x 3 x height x width, as batch x outputs."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        outputs: Tensor = self.fc(self.avgpool(x).flatten(1))
        return outputs


def _stage(before: int, channels: int, stride: int) -> nn.Sequential:
    return nn.Sequential(Block(before, channels, stride), Block(channels, channels, stride=1))


class Block(nn.Module):
    """Two convolutions, whose result is added to their input.

    Args:
        before, channels: number of channels of its input and output.
        stride: of the first convolution.
    """

    def __init__(self, before: int, channels: int, stride: int) -> None:
        super().__init__()
        downsample = None  # before the other layers, so that a seed gives torchvision's weights
        if stride != 1 or before != channels:
            shortcut = nn.Conv2d(before, channels, kernel_size=1, stride=stride, bias=False)
            downsample = nn.Sequential(shortcut, nn.BatchNorm2d(channels))
        self.conv1 = nn.Conv2d(before, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = downsample

    def forward(self, inputs: Tensor) -> Tensor:
        """The output, of a smaller height and width if the stride is above 1."""
        x = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(inputs)))))
        x += inputs if self.downsample is None else self.downsample(inputs)
        output: Tensor = self.relu(x)
        return output
