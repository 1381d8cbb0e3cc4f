"""MNIST (IDX) and CIFAR-10 (binary version), plain or .gz, and the drawn samples of variant `released`."""

import gzip
import os

import numpy
import torch

MNIST_FILES = {"train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
               "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")}
CIFAR_FILES = {"train": [f"data_batch_{number}.bin" for number in range(1, 6)], "test": ["test_batch.bin"]}

# sign noise as a fraction of 255; number of mean samples and of noise samples; s; deviation of the noise samples
DRAWS = {"mnist": (0.5, 6000, 255.0, 127.5), "cifar10": (0.15, 2500, 64.0, 96.0)}


def load(directory, dataset, split):
    """Images as uint8 NCHW and labels as int64."""
    folder = os.path.join(directory, dataset)
    if dataset == "mnist":
        images, labels = (_read(os.path.join(folder, name)) for name in MNIST_FILES[split])
        images = images[16:].reshape(-1, 1, 28, 28)
        labels = labels[8:]
    else:
        records = [_read(os.path.join(folder, name)).reshape(-1, 3073) for name in CIFAR_FILES[split]]
        records = numpy.concatenate(records)
        images = records[:, 1:].reshape(-1, 3, 32, 32)
        labels = records[:, 0]
    return torch.from_numpy(images.copy()), torch.from_numpy(labels.astype(numpy.int64))


def mean_image(images):
    """The mean of the training images, float32 CHW."""
    return images.to(torch.float64).mean(0).float()


def training_samples(images, labels, mean, dataset, random, mean_training, generator):
    """The training set less the mean image, float32, with what is drawn once for the whole run.

    random: sign noise on each MNIST image with probability 0.5 (CIFAR-10 draws its noise batch by batch).
    mean_training: class 10, mean image + sigma N(0, 1), sigma = s U(0, 1); class 11, N(127.5, deviation^2).
    """
    amplitude, count, spread, deviation = DRAWS[dataset]
    x = images.float() - mean
    y = labels
    if random and dataset == "mnist":
        chosen = torch.rand(len(x), generator=generator) < 0.5
        x[chosen] += sign_noise(x[chosen].shape, 255 * amplitude, generator)
    if mean_training:
        shape = (count, *mean.shape)
        sigma = spread * torch.rand((count, 1, 1, 1), generator=generator)
        means = sigma * torch.randn(shape, generator=generator)
        noise = 127.5 + deviation * torch.randn(shape, generator=generator) - mean
        x = torch.cat([x, means, noise])
        y = torch.cat([y, torch.full((count,), 10), torch.full((count,), 11)])
    return x, y


def augment(batch, dataset, random, generator):
    """CIFAR-10: the whole batch is mirrored with probability 0.5, and with -r given sign noise with probability 0.5."""
    if dataset != "cifar10":
        return batch
    if torch.rand((), generator=generator) < 0.5:
        batch = batch.flip(3)
    if random and torch.rand((), generator=generator) < 0.5:
        batch = batch + sign_noise(batch.shape, 255 * DRAWS[dataset][0], generator)
    return batch


def sign_noise(shape, amplitude, generator):
    return amplitude * (2.0 * torch.randint(0, 2, shape, generator=generator) - 1.0)


def _read(path):
    if os.path.exists(path):
        return numpy.fromfile(path, numpy.uint8)
    with gzip.open(path + ".gz") as file:
        return numpy.frombuffer(file.read(), numpy.uint8)
