"""Trains one of the paper's networks with the released recipe in PyTorch, one JSON object a line to standard output.

    python train.py --dataset mnist --activation mrelu --random --mean --seed 1 --data DIR

The first line holds the settings; each later one an epoch: the mean training loss and error in training mode, as the
epoch went; the test loss and error in evaluation mode. Errors count every sample whose largest output is not its label.

Eager on purpose: with torch.compile (2.15, CPU) the CIFAR-10 gradients below the average pools came out wrong by 30 %.
"""

import argparse
import json
import time

import torch

import checkpoint
import data_sets
import networks

# (learning rate, epochs) in turn; batch; weight decay
RECIPES = {("mnist", False): ([(0.001, 20)], 100, 5e-4), ("mnist", True): ([(0.001, 20)], 100, 5e-4),
           ("cifar10", False): ([(0.05, 30), (0.005, 10), (0.0005, 5)], 100, 1e-4),
           ("cifar10", True): ([(0.05, 60), (0.005, 20), (0.0005, 10)], 50, 1e-4)}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", choices=["mnist", "cifar10"], required=True)
    parser.add_argument("--activation", choices=["plain", "rbf", "mrelu"], required=True)
    parser.add_argument("--random", action="store_true", help="random training, -r")
    parser.add_argument("--mean", action="store_true", help="mean training and the noise class, -m")
    parser.add_argument("--epochs", type=int, help="fewer epochs than the recipe's, its schedule unchanged")
    parser.add_argument("--samples", type=int, help="the first so many training images only")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--data", required=True, help="the folder that holds mnist/ and cifar10/")
    parser.add_argument("--save", help="write the trained network here, in the layout of a checkpoint")
    return parser.parse_args()


def learning_rates(schedule):
    return [rate for rate, epochs in schedule for _ in range(epochs)]


def log(**values):
    print(json.dumps({"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), **values}), flush=True)


def main():
    options = arguments()
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    generator = torch.Generator().manual_seed(options.seed)
    dataset, activation = options.dataset, options.activation
    schedule, batch, weight_decay = RECIPES[dataset, activation != "plain"]
    rates = learning_rates(schedule)[:options.epochs]

    images, labels = data_sets.load(options.data, dataset, "train")
    mean = data_sets.mean_image(images)
    images, labels = images[:options.samples], labels[:options.samples]
    x, y = data_sets.training_samples(images, labels, mean, dataset, options.random, options.mean, generator)
    test_images, test_labels = data_sets.load(options.data, dataset, "test")
    test_x = test_images.float() - mean

    net = networks.network(dataset, activation, options.mean)
    networks.initialize(net, dataset, activation, generator)
    net = net.to(memory_format=torch.channels_last)
    loss_of = networks.loss_function(dataset, activation)
    optimizer = networks.Momentum(net, dataset, activation, weight_decay)

    def forward(input, label):
        z = net(input)
        return loss_of(z, label), (networks.prediction(z, activation) != label).sum()

    log(event="start", **vars(options), batch=batch, weight_decay=weight_decay, training_samples=len(x),
        torch=torch.__version__)

    for epoch, rate in enumerate(rates, start=1):
        start = time.time()
        net.train()
        loss_sum, wrong_sum = 0.0, 0
        for positions in torch.randperm(len(x), generator=generator).split(batch):
            input = data_sets.augment(x[positions], dataset, options.random, generator)
            input = input.contiguous(memory_format=torch.channels_last)
            loss, wrong = forward(input, y[positions])
            loss.backward()
            optimizer.step(rate)
            loss_sum += loss.item() * len(positions)
            wrong_sum += wrong.item()
        seconds = time.time() - start
        net.eval()
        test_loss, test_wrong = 0.0, 0
        with torch.no_grad():
            for part, label in zip(test_x.split(100), test_labels.split(100)):
                loss, wrong = forward(part.contiguous(memory_format=torch.channels_last), label)
                test_loss += loss.item() * len(part)
                test_wrong += wrong.item()
        log(event="epoch", epoch=epoch, learning_rate=rate, training_loss=loss_sum / len(x),
            training_error=wrong_sum / len(x), test_loss=test_loss / len(test_x),
            test_error=test_wrong / len(test_x), seconds=seconds, images_per_second=len(x) / seconds)

    if options.save:
        checkpoint.save(options.save, checkpoint.tensors(net, mean), dataset=dataset, activation=activation,
                        classes=networks.CLASSES, seed=options.seed, epoch=len(rates),
                        step=len(rates) * -(-len(x) // batch))


if __name__ == "__main__":
    main()
