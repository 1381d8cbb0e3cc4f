"""PyTorch's rate at one kind of work, measured as often as asked: a line with seconds in, a line with images a second out.

    python peer_speed.py --work train|inference|directions|steps --dataset mnist --activation mrelu --batch 100 --mode eager
        [--architecture resnet20|chain9|cnn7]

Batches are ready in memory, in the mode's layout; optimiser, loss and networks are those of the released recipe. `compiled` is
refused (exit code 3) where its gradients differ from eager's. Under torchrun the ranks share the batch by
DistributedDataParallel over gloo, each with batch norm over its own part: a CPU has no SyncBatchNorm.
"""

import argparse
import os
import statistics
import sys
import time

import torch
from torch import nn

import architectures
import networks

CLASSES = 10


def network(dataset, activation, architecture):
    """With torch's own batch norm, which is faster than the one that follows the released code to the letter."""
    if architecture:
        return architectures.network(architecture)
    net = networks.network(dataset, activation, activation != "plain")
    networks.initialize(net, dataset, activation, torch.Generator().manual_seed(0))
    for name, module in list(net.named_children()):
        if isinstance(module, networks.BatchNorm):
            setattr(net, name, nn.BatchNorm2d(len(module.gamma), eps=networks.STABILIZER, momentum=networks.MOMENT_RATE))
    return net


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", choices=["train", "inference", "directions", "steps"], required=True)
    parser.add_argument("--dataset", choices=["mnist", "cifar10"], required=True)
    parser.add_argument("--activation", choices=["plain", "rbf", "mrelu"], required=True)
    parser.add_argument("--architecture", choices=list(architectures.NETWORKS))
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--mode", choices=["eager", "channels-last", "compiled"], required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.manual_seed(0)
    ranks = int(os.environ.get("WORLD_SIZE", "1"))
    if ranks > 1:
        torch.distributed.init_process_group("gloo")
    work = {"train": training, "inference": inference, "directions": directions, "steps": steps}[options.work](options, ranks)
    for i in range(5):
        work(i)
    # Every rank takes as many steps, by rank 0's count.
    is_first = os.environ.get("RANK", "0") == "0"
    while True:
        budget = float(sys.stdin.readline() or 0) if is_first else 0.0
        if ranks > 1:
            shared = torch.tensor([budget])
            torch.distributed.broadcast(shared, 0)
            budget = shared.item()
        if budget <= 0:
            break
        start = time.perf_counter()
        work(0)
        count = max(5, int(budget / (time.perf_counter() - start)))
        if ranks > 1:
            shared = torch.tensor([count])
            torch.distributed.broadcast(shared, 0)
            count = int(shared.item())
        seconds = []
        for i in range(count):
            start = time.perf_counter()
            work(i)
            seconds.append(time.perf_counter() - start)
        if is_first:
            print(options.batch / statistics.median(seconds), flush=True)


def prepared(net, options, batches):
    if options.mode == "channels-last":
        net = net.to(memory_format=torch.channels_last)
        batches = [x.contiguous(memory_format=torch.channels_last) for x in batches]
    return net, batches


def random_batches(options, count, images):
    return [64 * torch.randn(images, *networks.INPUT_SHAPE[options.dataset]) for _ in range(count)]


def training(options, ranks):
    outputs = CLASSES + (2 if options.activation != "plain" else 0)
    images = options.batch // ranks
    net, batches = prepared(network(options.dataset, options.activation, options.architecture).train(), options,
                            random_batches(options, 10, images))
    labels = torch.randint(0, outputs, (10, images))
    loss = networks.loss_function(options.dataset, options.activation)
    optimizer = torch.optim.SGD(net.parameters(), 0.001, momentum=0.9, weight_decay=5e-4)
    run = nn.parallel.DistributedDataParallel(net) if ranks > 1 else net
    if options.mode == "compiled":
        run = torch.compile(run)
        refuse_wrong_gradients(net, run, batches[0], labels[0], loss)

    def step(i):
        optimizer.zero_grad(set_to_none=True)
        loss(run(batches[i % 10]), labels[i % 10]).backward()
        optimizer.step()

    return step


def refuse_wrong_gradients(net, run, x, labels, loss):
    def gradients(function):
        net.zero_grad(set_to_none=True)
        loss(function(x), labels).backward()
        return [parameter.grad.clone() for parameter in net.parameters()]

    for right, found in zip(gradients(net), gradients(run)):
        # A bias before batch norm has no gradient but rounding.
        scale = right.abs().max()
        if scale > 1e-6 and (right - found).abs().max() > 1e-2 * scale:
            print("gradients of the compiled network are wrong", file=sys.stderr)
            sys.exit(3)


def inference(options, ranks):
    net, batches = prepared(network(options.dataset, options.activation, options.architecture).eval(), options,
                            random_batches(options, 10, options.batch))
    run = torch.compile(net) if options.mode == "compiled" else net

    def step(i):
        with torch.inference_mode():
            run(batches[i % 10])

    return step


def directions(options, ranks):
    """The paper's attack: of the gradients of the loss of each wrong class the one of largest L1 norm. One forward pass, nine
    backward passes."""
    net, batches = prepared(network(options.dataset, options.activation, options.architecture).eval(), options,
                            random_batches(options, 10, options.batch))
    for parameter in net.parameters():
        parameter.requires_grad_(False)
    loss = networks.loss_function(options.dataset, options.activation)
    labels = torch.randint(0, CLASSES, (options.batch,))
    others = torch.tensor([[c for c in range(CLASSES) if c != label] for label in labels.tolist()])
    run = torch.compile(net) if options.mode == "compiled" else net

    def step(i):
        x = batches[i % 10].detach().requires_grad_(True)
        z = run(x)
        norms = []
        for k in range(CLASSES - 1):
            gradient, = torch.autograd.grad(loss(z, others[:, k]), x, retain_graph=k < CLASSES - 2)
            norms.append(gradient.abs().flatten(1).sum(1))
        torch.stack(norms, 1).argmax(1)

    return step


def steps(options, ranks):
    """Steps of projected gradient ascent on the pixels, in a ball of 8 about the images."""
    net, batches = prepared(network(options.dataset, options.activation, options.architecture).eval(), options,
                            random_batches(options, 10, options.batch))
    for parameter in net.parameters():
        parameter.requires_grad_(False)
    loss = networks.loss_function(options.dataset, options.activation)
    labels = torch.randint(0, CLASSES, (options.batch,))
    run = torch.compile(net) if options.mode == "compiled" else net
    moved = [batch.clone() for batch in batches]

    def step(i):
        origin, x = batches[i % 10], moved[i % 10].detach().requires_grad_(True)
        gradient, = torch.autograd.grad(loss(run(x), labels), x)
        with torch.no_grad():
            x = torch.minimum(torch.maximum(x + gradient.sign(), origin - 8), origin + 8).clamp_(-255, 255)
        moved[i % 10] = x

    return step


if __name__ == "__main__":
    main()
