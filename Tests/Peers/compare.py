"""Steadfast and PyTorch at the same work on the same cores, in turn: images a second, and their ratio.

    Tests/Peers/compare [--only train,inference,directions,ranks] [--datasets mnist,cifar10] [--activations plain,rbf,mrelu]
                        [--batches 100,1000] [--pairs 7] [--seconds 3] [--json FILE]
    Tests/Peers/compare --architectures [resnet20,chain9,cnn7] [--only train,inference,steps] [--pairs 7] ...

Of PyTorch's modes (eager, channels-last, compiled) the one that is fastest at the case is compared with. A pair is a run of
ours and a run of the peer's right after it; the ratio is the median over the pairs. `ranks`: two processes against one, ours by
mpirun and PyTorch's by DistributedDataParallel over gloo, the same batch and twice the batch: what is left of twice the rate.
`--architectures`: networks of 3x3 convolutions on CIFAR-10 at batch 128; `steps` are those of PGD, a forward and a backward
pass to the pixels each, a hundred images at a time.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

import architectures

HERE = os.path.dirname(os.path.abspath(__file__))
MODES = ["eager", "channels-last", "compiled"]
ENVIRONMENT = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class Peer:
    """A process of PyTorch that measures whenever it is asked."""

    def __init__(self, work, dataset, activation, batch, mode, ranks=1, architecture=None):
        launcher = [sys.executable] if ranks == 1 else [
            sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}"]
        self.process = subprocess.Popen(
            launcher + [os.path.join(HERE, "peer_speed.py"), "--work", work, "--dataset", dataset, "--activation", activation,
                        "--batch", str(batch), "--mode", mode]
            + (["--architecture", architecture] if architecture else []),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=ENVIRONMENT)

    def rate(self, seconds):
        """Images a second; 0 where the peer cannot do the work."""
        try:
            self.process.stdin.write(f"{seconds}\n")
            self.process.stdin.flush()
            return float(self.process.stdout.readline() or 0)
        except (BrokenPipeError, ValueError):
            return 0.0

    def close(self):
        if self.process.poll() is None:
            try:
                self.process.stdin.write("0\n")
                self.process.stdin.close()
            except BrokenPipeError:
                pass
        self.process.wait()


RATES = {"train": "images_per_second", "inference": "images_per_second", "directions": "directions_per_second",
         "steps": "pgd_steps_per_second"}


def ours(program, work, dataset, activation, batch, seconds, ranks=1, architecture=None):
    """The benchmark's object."""
    command = "train" if work == "train" else "evaluate"
    with tempfile.TemporaryDirectory() as folder:
        subject = (["--recipe", architectures.recipe(architecture, folder)] if architecture
                   else ["--dataset", dataset, "--activation", activation])
        subprocess.run(
            (["mpirun", "-n", str(ranks), "--bind-to", "core"] if ranks > 1 else []) + [
                program, "benchmark", command, *subject, "--batch", str(batch),
                "--seconds", str(seconds if work == "train" else 3 * seconds), "--json", f"{folder}/found.json"],
            check=True, stdout=subprocess.DEVNULL, env=ENVIRONMENT)
        with open(f"{folder}/found.json") as file:
            found = json.load(file)
    return found[RATES[work]]["median"], found


def best_peer(work, dataset, activation, batch, seconds, architecture=None):
    """The peer in its fastest mode, and the rates of all."""
    rates, best = {}, None
    for mode in MODES:
        peer = Peer(work, dataset, activation, batch, mode, architecture=architecture)
        rates[mode] = peer.rate(seconds)
        if best is None or rates[mode] > rates[best[0]]:
            if best:
                best[1].close()
            best = (mode, peer)
        else:
            peer.close()
    return best, rates


def compare(options, work, dataset, activation, batch, architecture=None):
    (mode, peer), rates = best_peer(work, dataset, activation, batch, options.seconds, architecture)
    pairs, shares = [], []
    for _ in range(options.pairs):
        rate, found = ours(options.steadfast, work, dataset, activation, batch, options.seconds, 1, architecture)
        pairs.append((rate, peer.rate(options.seconds)))
        shares.append(rate * found["flops_per_image"] * 1e-9 / found["peak_gflops"])
    peer.close()
    own, other = (statistics.median(column) for column in zip(*pairs))
    ratio = statistics.median(a / b for a, b in pairs)
    print(f"{work:<11}{dataset:<8} {architecture or activation:<9}{batch:>6}{own:>10.0f}{other:>9.0f}  {mode:<14}{ratio:>5.2f}"
          + (f"{statistics.median(shares):>9.2f}" if work in ("train", "inference") else ""), flush=True)
    return {"work": work, "dataset": dataset, "activation": activation, "architecture": architecture, "batch": batch, "steadfast": own, "peer": other,
            "peer_mode": mode, "peer_rates": rates, "ratio": ratio, "pairs": pairs}


def compare_ranks(options, dataset, batch):
    """Two ranks against one, for both."""
    peers = {ranks: Peer("train", dataset, "mrelu", ranks_batch, "channels-last", ranks)
             for ranks, ranks_batch in ((1, 100), (2, batch))}
    # Until both stand: what they do to start would disturb the first pair.
    for peer in peers.values():
        peer.rate(0.1)
    found = []
    for _ in range(options.pairs):
        rates = {ranks: (ours(options.steadfast, "train", dataset, "mrelu", size, options.seconds, ranks)[0],
                         peers[ranks].rate(options.seconds)) for ranks, size in ((1, 100), (2, batch))}
        found.append([rates[2][i] / (2 * rates[1][i]) if rates[1][i] else 0 for i in range(2)])
    for peer in peers.values():
        peer.close()
    own, other = (statistics.median(column) for column in zip(*found))
    print(f"2 ranks    {dataset:<8} mrelu {batch:>6}   efficiency {own:.3f}, DDP {other:.3f}", flush=True)
    return {"work": "ranks", "dataset": dataset, "batch": batch, "steadfast": own, "peer": other, "pairs": found}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steadfast", required=True)
    parser.add_argument("--only")
    parser.add_argument("--architectures", nargs="?", const="resnet20,chain9,cnn7")
    parser.add_argument("--datasets", default="mnist,cifar10")
    parser.add_argument("--activations", default="plain,rbf,mrelu")
    parser.add_argument("--batches", default="100,1000")
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--json")
    options = parser.parse_args()
    found = []
    print("work       data     network   batch steadfast     peer  its mode      ratio  of peak", flush=True)
    if options.architectures:
        for work in (options.only or "train,inference,steps").split(","):
            for architecture in options.architectures.split(","):
                batch = 100 if work == "steps" else 128
                found.append(compare(options, work, "cifar10", "plain", batch, architecture))
    for work in [] if options.architectures else (options.only or "train,inference,directions,ranks").split(","):
        for dataset in options.datasets.split(","):
            if work == "ranks":
                found += [compare_ranks(options, dataset, batch) for batch in (100, 200)]
                continue
            for activation in options.activations.split(","):
                # A direction is found for a hundred images at a time.
                batches = ["100"] if work == "directions" else options.batches.split(",")
                found += [compare(options, work, dataset, activation, int(batch)) for batch in batches]
    if options.json:
        with open(options.json, "w") as file:
            json.dump(found, file, indent=1)


if __name__ == "__main__":
    main()
