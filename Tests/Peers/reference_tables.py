"""Evaluates the converted reference networks (reference_networks.py convert) and compares every cell with the tables measured
on them in PyTorch.

    python reference_tables.py STEADFAST NETWORKS_DIR TABLE.csv --data DIR [--ranks 2]

TABLE.csv has the columns network, sample_kind, mode, images, samples and then a column for each strength. Prints for each row
the largest difference and the allowed one: 0.015, for nonsense the larger of 0.05 and three standard errors.
"""

import argparse
import csv
import os
import subprocess
import sys
import tempfile

ATTACKS = {("adversarial", "evaluation"): "fgs-lmax", ("adversarial", "batch"): "fgs-lmax:gradient-mode=batch",
           ("nonsense", "evaluation"): "nonsense", ("nonsense", "batch"): "nonsense:gradient-mode=batch",
           ("noisy", "sign"): "noise-sign", ("noisy", "gaussian"): "noise-gaussian"}
# images of the file, training images too
SIZES = {"mnist": {"test": 10_000, "train": 60_000}, "cifar": {"test": 10_000, "train": 10_000}}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("networks")
    parser.add_argument("table")
    parser.add_argument("--data", required=True)
    parser.add_argument("--ranks", type=int, default=1)
    options = parser.parse_args()
    with open(options.table) as file:
        rows = list(csv.DictReader(file))
    strengths = [key for key in rows[0] if key[0].isdigit()]
    groups = {}
    for row in rows:
        split = "train" if row["images"] == "train" else "test"
        groups.setdefault((row["network"], split, int(row["samples"])), []).append(row)
    worst = True
    for (network, split, samples), group in groups.items():
        dataset = network.split("-")[0]
        every = SIZES[dataset][split] // samples
        attacks = ",".join(ATTACKS[row["sample_kind"], row["mode"]] for row in group)
        with tempfile.TemporaryDirectory() as folder:
            command = (["mpirun", "-n", str(options.ranks)] if options.ranks > 1 else []) + [
                options.program, "evaluate", os.path.join(options.networks, network + ".h5"), "--trust", "--attacks", attacks,
                "--strengths", ",".join(strengths), "--every", str(every), "--samples", str(samples), "--split", split,
                "--output", folder, "--quiet", "--data-directory", options.data]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            with open(os.path.join(folder, "summary.csv")) as file:
                found = {(line["attack"], float(line["strength"])): float(line["error"]) for line in csv.DictReader(file)}
        for row in group:
            attack = ATTACKS[row["sample_kind"], row["mode"]]
            largest, share = 0.0, 0.0
            for strength in strengths:
                known = float(row[strength])
                allowed = 0.015
                if row["sample_kind"] == "nonsense":
                    allowed = max(0.05, 3 * (known * (1 - known) / samples) ** 0.5)
                difference = abs(found[attack, float(strength)] - known)
                largest, share = max(largest, difference), max(share, difference / allowed)
            worst = worst and share <= 1
            print(f"{network:17}{split:6}{samples:6} {attack:31} largest difference {largest:.4f}, "
                  f"{share:.2f} of the allowed", flush=True)
    print("all within" if worst else "NOT all within")
    sys.exit(0 if worst else 1)


if __name__ == "__main__":
    main()
