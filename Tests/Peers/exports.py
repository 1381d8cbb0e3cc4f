"""Checks exported networks against independent readers: ONNX by onnx's checker and onnxruntime, safetensors by its library.

    pip install onnx onnxruntime safetensors h5py torch
    python exports.py STEADFAST CHECKPOINT ... --data DIR [--samples 500] [--trust]

Prints the largest difference between ONNX's logits and those that an evaluation records, whether the predictions agree, and
whether every tensor of safetensors has the checkpoint's bits. Exits with 1 where a logit differs by more than 1e-4 of its size.
"""

import argparse
import os
import subprocess
import sys
import tempfile

import h5py
import numpy
import onnx
import onnxruntime
from safetensors.numpy import load_file

import data_sets


def check(program, path, data, samples, trust):
    flags = ["--trust"] if trust else []
    with tempfile.TemporaryDirectory() as folder:
        model, tensors = os.path.join(folder, "net.onnx"), os.path.join(folder, "net.safetensors")
        for form, target in [("onnx", model), ("safetensors", tensors)]:
            subprocess.run([program, "export", path, "--format", form, "--output", target] + flags, check=True)
        results = os.path.join(folder, "results")
        subprocess.run([program, "evaluate", path, "--attacks", "clean", "--samples", str(samples), "--output", results,
                        "--quiet", "--data-directory", data] + flags, check=True)
        with h5py.File(os.path.join(results, "results.h5"), "r") as file:
            z = file["attacks/clean/output"][()]
            predictions = file["attacks/clean/prediction"][0]
        loaded = load_file(tensors)
        onnx.checker.check_model(onnx.load(model), full_check=True)
        session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
        with h5py.File(path, "r") as file:
            dataset = file.attrs["dataset"]
            is_robust = "hybrid_loss" in str(file.attrs["network"])
            names = []
            file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
            stored = {name: file[name][()] for name in names if name.split("/")[0] in ("model", "input")}
    same = len(stored) == len(loaded) and all(
        numpy.array_equal(value, loaded[name.removeprefix("model/").replace("/", ".")]) for name, value in stored.items())
    images, _ = data_sets.load(data, dataset, "test")
    logits, _ = session.run(["logits", "confidence"], {"pixels": images[:samples].float().numpy()})
    ours = -z * z if is_robust else z
    difference = (numpy.abs(logits - ours) / numpy.maximum(1, numpy.abs(ours))).max()
    agree = (logits.argmax(1) == predictions).mean()
    print(f"{path}: logits differ by {difference:.1e} at most, predictions agree on {agree:.4f} of {samples}, "
          f"safetensors {'equal' if same else 'DIFFER'}", flush=True)
    return same and difference <= 1e-4


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("checkpoints", nargs="+")
    parser.add_argument("--data", required=True)
    parser.add_argument("--samples", type=int, default=500)
    parser.add_argument("--trust", action="store_true")
    options = parser.parse_args()
    good = [check(options.program, path, options.data, options.samples, options.trust) for path in options.checkpoints]
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
