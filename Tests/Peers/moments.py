"""The clean error of CIFAR-10 networks with the running moments that their files hold, and with those of other batches.

    python Tests/Peers/moments.py --data DIR NETWORK.h5 ...

Networks of mReLUs with random and mean training, in the layout of a checkpoint. The moments are means over 40 batches of 50
training images: clean ones, ones with the sign noise of random training, and one of these in turn.
"""

import argparse

import torch

import checkpoint
import data_sets
import networks

BATCHES, BATCH = 40, 50


def norms(net):
    return [module for module in net.modules() if isinstance(module, networks.BatchNorm)]


def set_moments(net, batches):
    """Replaces the running moments by the means over the batches."""
    moments = []
    networks.MOMENT_RATE, rate = 1.0, networks.MOMENT_RATE
    net.train()
    for batch in batches:
        net(batch)
        moments.append([(norm.running_mean.clone(), norm.running_variance.clone()) for norm in norms(net)])
    net.eval()
    networks.MOMENT_RATE = rate
    for norm, found in zip(norms(net), zip(*moments)):
        norm.running_mean.copy_(torch.stack([mean for mean, _ in found]).mean(0))
        norm.running_variance.copy_(torch.stack([variance for _, variance in found]).mean(0))


def error(net, images, labels):
    return (networks.prediction(net(images), "mrelu") != labels).float().mean().item()


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="+")
    parser.add_argument("--data", required=True)
    parser.add_argument("--samples", type=int, default=2000)
    options = parser.parse_args()
    images, labels = data_sets.load(options.data, "cifar10", "test")
    training, _ = data_sets.load(options.data, "cifar10", "train")
    labels = labels[:options.samples]
    amplitude = 255 * data_sets.DRAWS["cifar10"][0]
    for path in options.networks:
        net, mean, _ = checkpoint.load(path, activation="mrelu")
        inputs = images[:options.samples].float() - mean
        found = {"stored": error(net, inputs, labels)}
        for kind, noisy in {"clean": (False,), "mixed": (False, True), "noisy": (True,)}.items():
            generator = torch.Generator().manual_seed(1)
            batches = []
            for index in range(BATCHES):
                batch = training[index * BATCH:(index + 1) * BATCH].float() - mean
                if noisy[index % len(noisy)]:
                    batch += data_sets.sign_noise(batch.shape, amplitude, generator)
                batches.append(batch)
            set_moments(net, batches)
            found[kind] = error(net, inputs, labels)
        print(path, " ".join(f"{kind} {value:.4f}" for kind, value in found.items()))


if __name__ == "__main__":
    main()
