"""Images a second of a training step, Steadfast and PyTorch in turn on one core, and their ratio.

    python speed.py --steadfast ../../.build/release/steadfast --data DIR [--pairs 7]

Both train the released mReLU network with random and mean training, batch 100. Steadfast's figure is the median over the
steps of metrics.jsonl, its samples drawn on the fly and its reduction exact; PyTorch's is the median over steps on batches
that are ready in memory, eager, with its usual memory layout and with channels last. (torch.compile is left out: see
train.py.)
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time

import torch

import networks

BATCH = 100
SHAPES = {"mnist": (1, 28, 28), "cifar10": (3, 32, 32)}
LEARNING_RATES = {"mnist": 0.001, "cifar10": 0.05}


def steadfast(program, dataset, data, steps):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [program, "train", f"{dataset}-mrelu-r-m", "--run", f"{folder}/run", "--set", f"batch={BATCH}", "--set",
             f"max_steps={steps}", "--data-directory", data, "--quiet"], check=True,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"})
        events = [json.loads(line) for line in open(f"{folder}/run/metrics.jsonl")]
    return statistics.median([event["images_per_second"] for event in events if event["event"] == "step"][10:])


def pytorch(dataset, layout, steps):
    torch.manual_seed(0)
    net = networks.network(dataset, "mrelu", True)
    networks.initialize(net, dataset, "mrelu", torch.Generator().manual_seed(0))
    net = net.to(memory_format=layout).train()
    loss = networks.loss_function(dataset, "mrelu")
    momentum = networks.Momentum(net, dataset, "mrelu", 5e-4)
    batches = [(64 * torch.randn(BATCH, *SHAPES[dataset])).contiguous(memory_format=layout) for _ in range(10)]
    labels = torch.randint(0, 12, (10, BATCH))
    seconds = []
    for step in range(steps):
        start = time.perf_counter()
        net.zero_grad(set_to_none=True)
        loss(net(batches[step % 10]), labels[step % 10]).backward()
        momentum.step(LEARNING_RATES[dataset])
        seconds.append(time.perf_counter() - start)
    return BATCH / statistics.median(seconds[10:])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steadfast", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--pairs", type=int, default=7)
    options = parser.parse_args()
    torch.set_num_threads(1)
    for dataset, steps in ("mnist", 100), ("cifar10", 60):
        runs = [(steadfast(options.steadfast, dataset, options.data, steps),
                 pytorch(dataset, torch.contiguous_format, steps), pytorch(dataset, torch.channels_last, steps))
                for _ in range(options.pairs)]
        ours, eager, last = (statistics.median(column) for column in zip(*runs))
        best = statistics.median(run[0] / max(run[1:]) for run in runs)
        print(f"{dataset}: steadfast {ours:.0f} images/s, PyTorch eager {eager:.0f}, channels last {last:.0f}; "
              f"ratio to the better one {best:.2f} (median of {options.pairs})", flush=True)


if __name__ == "__main__":
    main()
