"""Trains ResNet-20 on CIFAR-10 in PyTorch by the recipe `cifar10-resnet20`, one JSON object an epoch to standard output.

    python train_residual.py --epochs 3 --seed 1 --data DIR

The schedule is that of all 60 epochs: `--epochs` ends it early. Each image is mirrored with probability 0.5 and shifted by
up to 4 pixels, filled with the mean image. Errors are of the 10,000 test images.
"""

import argparse
import json
import math
import time

import torch
from torch import nn

import architectures
import data_sets

EPOCHS, BATCH, RATE, WEIGHT_DECAY, SHIFT = 60, 128, 0.1, 5e-4, 4


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--data", required=True, help="the folder that holds cifar10/")
    return parser.parse_args()


def initialize(net, generator):
    """Weights of deviation sqrt(2 / inputs) (He et al. 2015, equation 10); biases 0."""
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, 0.0, math.sqrt(2 / module.weight[0].numel()), generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def rate(step, steps_per_epoch):
    """One epoch of warm-up, then a half of a cosine."""
    progress = min(1, max(0, (step / steps_per_epoch - 1) / (EPOCHS - 1)))
    value = RATE * (1 + math.cos(math.pi * progress)) / 2
    return value * min(1, (step + 1) / steps_per_epoch)


def augment(batch, generator):
    mirrored = torch.rand(len(batch), generator=generator) < 0.5
    batch[mirrored] = batch[mirrored].flip(3)
    padded = nn.functional.pad(batch, 4 * [SHIFT])
    across, down = torch.randint(0, 2 * SHIFT + 1, (2, len(batch)), generator=generator).tolist()
    height, width = batch.shape[2:]
    return torch.stack([image[:, y:y + height, x:x + width] for image, y, x in zip(padded, down, across)])


def main():
    options = arguments()
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    generator = torch.Generator().manual_seed(options.seed)
    images, labels = data_sets.load(options.data, "cifar10", "train")
    mean = data_sets.mean_image(images)
    test_images, test_labels = data_sets.load(options.data, "cifar10", "test")

    net = architectures.network("resnet20")
    initialize(net, generator)
    net = net.to(memory_format=torch.channels_last)
    decayed = [parameter for parameter in net.parameters() if parameter.dim() > 1]
    decayed.append(net.fc1.bias)
    others = [parameter for parameter in net.parameters() if all(parameter is not other for other in decayed)]
    optimizer = torch.optim.SGD(
        [{"params": decayed, "weight_decay": WEIGHT_DECAY}, {"params": others}], lr=0.0, momentum=0.9)

    step, steps_per_epoch = 0, -(-len(images) // BATCH)
    for epoch in range(1, options.epochs + 1):
        start, loss_sum, wrong = time.time(), 0.0, 0
        net.train()
        for positions in torch.randperm(len(images), generator=generator).split(BATCH):
            input = augment(images[positions].float() - mean, generator).contiguous(memory_format=torch.channels_last)
            z = net(input)
            loss = nn.functional.cross_entropy(z, labels[positions])
            optimizer.zero_grad()
            loss.backward()
            for group in optimizer.param_groups:
                group["lr"] = rate(step, steps_per_epoch)
            optimizer.step()
            step += 1
            loss_sum += loss.item() * len(positions)
            wrong += (z.argmax(1) != labels[positions]).sum().item()
        seconds = time.time() - start
        net.eval()
        with torch.no_grad():
            test_wrong = sum((net(part.float() - mean).argmax(1) != label).sum().item()
                             for part, label in zip(test_images.split(100), test_labels.split(100)))
        print(json.dumps({"seed": options.seed, "epoch": epoch, "training_loss": round(loss_sum / len(images), 4),
                          "training_error": wrong / len(images), "test_error": test_wrong / len(test_images),
                          "images_per_second": round(len(images) / seconds)}), flush=True)


if __name__ == "__main__":
    main()
