"""The plain and robust convolutional networks of Zhao & Griffin 2016 (arXiv 1603.05145) in PyTorch, variant `released`.

An implementation apart from the Swift one, to compare it with. Inputs are NCHW, 0..255 minus the mean training image.
`network(...)` returns the value before the last activation: the logits of a plain network, z of a robust one, whose
outputs are y = exp(-z^2) in (0, 1]. Modules bear the names of a checkpoint: conv1, norm1, act1, pool1, ... fc2.
"""

from collections import OrderedDict

import torch
from torch import nn
from torch.nn import functional

STABILIZER = 1e-4
MOMENT_RATE = 0.05
LOSS_TOLERANCE = 2.2e-16
LOSS_WEIGHTS = {"mnist": (1.0, 1.0, 0.0), "cifar10": (1.0, 1.0, 1.0 / 9.0)}
CLASSES = 10
INPUT_SHAPE = {"mnist": (1, 28, 28), "cifar10": (3, 32, 32)}


class BatchNorm(nn.Module):
    """y = gamma (x - mean) / sqrt(variance + stabilizer) + beta, over images and positions.

    In training the moments are those of the batch, and the running ones move towards them by MOMENT_RATE. The running
    variance averages the divisor-n variance; torch averages the divisor-(n - 1) one, which is taken back here.
    """

    def __init__(self, channels):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels))
        self.beta = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_variance", torch.ones(channels))

    def forward(self, x):
        if not self.training:
            return functional.batch_norm(
                x, self.running_mean, self.running_variance, self.gamma, self.beta, False, 0.0, STABILIZER)
        unbiased = torch.zeros_like(self.running_variance)
        mean = torch.zeros_like(self.running_mean)
        y = functional.batch_norm(x, mean, unbiased, self.gamma, self.beta, True, 1.0, STABILIZER)
        count = x.numel() // x.shape[1]
        with torch.no_grad():
            self.running_mean.lerp_(mean, MOMENT_RATE)
            self.running_variance.lerp_(unbiased * ((count - 1) / count), MOMENT_RATE)
        return y


class RBF(nn.Module):
    """exp(-x^2), section 3.1."""

    def forward(self, x):
        return torch.exp(-x * x)


class MReLU(nn.Module):
    """max(0, 1 - |x|), equation 1."""

    def forward(self, x):
        return torch.relu(1 - x.abs())


def network(dataset, activation, nonsense_outputs, depth=None):
    """The network for `mnist` or `cifar10` with activation `plain`, `rbf` or `mrelu`; of a `depth` a residual one.

    `nonsense_outputs`: 12 outputs (10 classes, mean samples, noise samples) instead of 10.
    """
    outputs = CLASSES + (2 if nonsense_outputs else 0)
    if depth:
        return Residual(INPUT_SHAPE[dataset][0], depth, activation, outputs)
    layers = _mnist(activation, outputs) if dataset == "mnist" else _cifar10(activation, outputs)
    return nn.Sequential(OrderedDict(layers))


class Residual(nn.Module):
    """A residual network for small images (He et al. 2016, section 4.2) with convolutions of 1x1 on shortcuts between shapes.

    The robust form has its symmetric function behind every norm and none behind a sum. Modules bear the names of a
    checkpoint: conv1, block1_conv1, block4_shortcut_conv1, ...
    """

    def __init__(self, channels, depth, activation, outputs):
        super().__init__()
        self.is_plain = activation == "plain"

        def act():
            return nn.ReLU() if self.is_plain else _saf(activation)

        def add(prefix, number, size, inputs, filters, stride, ends):
            convolution = nn.Conv2d(inputs, filters, size, stride=stride, padding=size // 2, bias=False)
            self.add_module(f"{prefix}conv{number}", convolution)
            self.add_module(f"{prefix}norm{number}", BatchNorm(filters))
            if not ends or not self.is_plain:
                self.add_module(f"{prefix}act{number}", act())

        add("", 1, 3, channels, 16, 1, False)
        self.blocks, inputs = [], 16
        for stage, filters in enumerate((16, 32, 64)):
            for block in range((depth - 2) // 6):
                stride = 2 if stage and not block else 1
                name = f"block{len(self.blocks) + 1}"
                add(f"{name}_", 1, 3, inputs, filters, stride, False)
                add(f"{name}_", 2, 3, filters, filters, 1, True)
                if stride > 1:
                    add(f"{name}_shortcut_", 1, 1, inputs, filters, stride, True)
                self.add_module(f"{name}_add", nn.Identity())
                if self.is_plain:
                    self.add_module(f"act_{name}", act())
                self.blocks.append(name)
                inputs = filters
        self.add_module(f"pool_{name}", nn.AdaptiveAvgPool2d(1))
        self.fc1 = nn.Conv2d(inputs, outputs, 1)
        self.flatten = nn.Flatten()

    def _run(self, x, prefix, numbers):
        for number in numbers:
            for kind in ("conv", "norm", "act"):
                if hasattr(self, f"{prefix}{kind}{number}"):
                    x = getattr(self, f"{prefix}{kind}{number}")(x)
        return x

    def forward(self, x):
        x = self._run(x, "", [1])
        for name in self.blocks:
            body = self._run(x, f"{name}_", [1, 2])
            shortcut = self._run(x, f"{name}_shortcut_", [1])
            x = getattr(self, f"{name}_add")(body + shortcut)
            if self.is_plain:
                x = getattr(self, f"act_{name}")(x)
        return self.flatten(self.fc1(getattr(self, f"pool_{self.blocks[-1]}")(x)))


def description(dataset, activation, outputs):
    """The network as a checkpoint's attribute `network` describes it, a value for JSON."""
    def convolution(channels, size, padding):
        return {"convolution": {"channels": channels, "size": size, "padding": padding}}

    def pooling(kind, size):
        return {"pooling": {"kind": kind, "size": size, "stride": 2, "padding": size - 2}}

    if dataset == "mnist":
        stages = [(convolution(20, 5, 0), pooling("max", 2)), (convolution(50, 5, 0), pooling("max", 2))]
    else:
        stages = [(convolution(32, 5, 2), pooling("max", 3)), (convolution(32, 5, 2), pooling("average", 3)),
                  (convolution(64, 5, 2), pooling("average", 3))]
    hidden, is_plain = 500 if dataset == "mnist" else 64, activation == "plain"
    norm = [] if is_plain and dataset == "cifar10" else ["batch_normalization"]
    layers = []
    for number, (layer, pool) in enumerate(stages):
        relu = [{"activation": "relu"}] if is_plain and dataset == "cifar10" else []
        layers += [layer] + norm + ([] if is_plain else [{"activation": activation}])
        layers += [pool] + relu if number == 0 else relu + [pool]
    layers += [{"fully_connected": {"channels": hidden}}] + norm + [{"activation": "relu"}]
    layers += [{"fully_connected": {"channels": outputs}}] + ([] if is_plain else [{"activation": "rbf"}])
    channels, height, width = INPUT_SHAPE[dataset]
    found = {"classes": CLASSES, "input": {"channels": channels, "height": height, "width": width}, "layers": layers,
             "stabilizer": STABILIZER}
    if not is_plain:
        found["hybrid_loss"] = {"alpha": LOSS_WEIGHTS[dataset], "p": 2, "tolerance": LOSS_TOLERANCE}
    return found


def _saf(activation):
    return {"rbf": RBF, "mrelu": MReLU}[activation]()


def _mnist(activation, outputs):
    """Table 1, with batch norm after cv1, cv2 and fc1; the plain network has no activation after cv1 and cv2."""
    for number, (inputs, channels) in enumerate([(1, 20), (20, 50)], start=1):
        yield f"conv{number}", nn.Conv2d(inputs, channels, 5)
        yield f"norm{number}", BatchNorm(channels)
        if activation != "plain":
            yield f"act{number}", _saf(activation)
        yield f"pool{number}", nn.MaxPool2d(2)
    yield "fc1", nn.Conv2d(50, 500, 4)
    yield "norm_fc1", BatchNorm(500)
    yield "act_fc1", nn.ReLU()
    yield "fc2", nn.Conv2d(500, outputs, 1)
    yield "flatten", nn.Flatten()


def _cifar10(activation, outputs):
    """Table 3. The plain network has no batch norm, and ReLU beside each pool (behind the first, ahead of the others).

    With `ceil_mode` a pool reaches one row and one column past the bottom and the right; the average divides by the
    cells inside.
    """
    pools = [lambda: nn.MaxPool2d(3, 2, ceil_mode=True)] + 2 * [lambda: nn.AvgPool2d(3, 2, ceil_mode=True)]
    for number, (inputs, channels) in enumerate([(3, 32), (32, 32), (32, 64)], start=1):
        pool = (f"pool{number}", pools[number - 1]())
        yield f"conv{number}", nn.Conv2d(inputs, channels, 5, padding=2)
        if activation == "plain":
            act = (f"act{number}", nn.ReLU())
            yield from [pool, act] if number == 1 else [act, pool]
        else:
            yield f"norm{number}", BatchNorm(channels)
            yield f"act{number}", _saf(activation)
            yield pool
    yield "fc1", nn.Conv2d(64, 64, 4)
    if activation != "plain":
        yield "norm_fc1", BatchNorm(64)
    yield "act_fc1", nn.ReLU()
    yield "fc2", nn.Conv2d(64, outputs, 1)
    yield "flatten", nn.Flatten()


def initialize(net, dataset, activation, generator):
    """Weights N(0, 0.01^2), in the plain CIFAR-10 network N(0, 0.05^2) but for conv1; biases 0."""
    wide = dataset == "cifar10" and activation == "plain"
    for name, module in net.named_children():
        if isinstance(module, nn.Conv2d):
            deviation = 0.05 if wide and name != "conv1" else 0.01
            nn.init.normal_(module.weight, 0.0, deviation, generator=generator)
            nn.init.zeros_(module.bias)


def hybrid_loss(z, label, weights, exact=False):
    """Equation 7 with p = 2 on y = exp(-z^2), mean over the batch.

    Variant `released` takes -log((y_label + t) / (sum y + t)) with t = 2.2e-16, in the precision of z; `exact` takes
    the logarithm of y_label / sum y as the log-softmax of -z^2.
    """
    first, second, third = weights
    y = torch.exp(-z * z)
    right = y.gather(1, label[:, None]).squeeze(1)
    if exact:
        logarithm = torch.log_softmax(-z * z, 1).gather(1, label[:, None]).squeeze(1)
    else:
        logarithm = torch.log(right + LOSS_TOLERANCE) - torch.log(y.sum(1) + LOSS_TOLERANCE)
    loss = -first * logarithm + second * (1 - right) ** 2
    if third:
        loss = loss + third * ((y * y).sum(1) - right * right)
    return loss.mean()


def loss_function(dataset, activation, exact=False):
    """A function of (network value, label): softmax cross-entropy for plain networks, the hybrid loss for robust."""
    if activation == "plain":
        return functional.cross_entropy
    return lambda z, label: hybrid_loss(z, label, LOSS_WEIGHTS[dataset], exact)


def prediction(z, activation):
    """The output of largest confidence, nonsense outputs included."""
    return (z if activation == "plain" else -z * z).argmax(1)


class Momentum:
    """v = momentum v + g + weight_decay w; w -= learning_rate factor v. No weight decay on batch norm.

    Factors on CIFAR-10: robust networks 0.1 everywhere; the plain one 0.1 on weights (fc2 0.01), 2 on biases (fc2 0.2).
    """

    def __init__(self, net, dataset, activation, weight_decay, momentum=0.9):
        groups = {}
        for name, parameter in net.named_parameters():
            layer, kind = name.split(".")
            decay = weight_decay if kind in ("weight", "bias") else 0.0
            groups.setdefault((rate_factor(dataset, activation, layer, kind), decay), []).append(parameter)
        self.optimizer = torch.optim.SGD(
            [{"params": list_, "factor": factor, "weight_decay": decay} for (factor, decay), list_ in groups.items()],
            lr=0.0, momentum=momentum)

    def step(self, learning_rate):
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate * group["factor"]
        self.optimizer.step()
        self.optimizer.zero_grad()


def rate_factor(dataset, activation, layer, kind):
    """What multiplies the learning rate of one parameter."""
    if dataset == "mnist":
        return 1.0
    if activation != "plain":
        return 0.1
    return (2.0 if kind == "bias" else 0.1) * (0.1 if layer == "fc2" else 1.0)
