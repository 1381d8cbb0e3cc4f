"""Checks imported networks against onnxruntime: the logits of an evaluation with those of the model itself.

    pip install onnxruntime h5py torch
    python imports.py STEADFAST FILE.onnx --dataset D --data DIR [--mean M] [--deviation S] [--samples 1000]

The mean and the deviation, one number or one a channel, are those of `steadfast import`. Prints the largest difference
of a logit as a part of the largest logit, and how many predictions agree. Exits with 1 where it is above 1e-4.
"""

import argparse
import os
import subprocess
import sys
import tempfile

import h5py
import numpy
import onnxruntime

import data_sets


def ours(options):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [options.program, "evaluate", options.model, "--dataset", options.dataset, "--mean", options.mean,
             "--deviation", options.deviation, "--attacks", "clean", "--samples", str(options.samples), "--output",
             folder, "--quiet", "--data-directory", options.data], check=True)
        with h5py.File(os.path.join(folder, "results.h5"), "r") as file:
            return file["attacks/clean/output"][()]


def theirs(options):
    session = onnxruntime.InferenceSession(options.model, providers=["CPUExecutionProvider"])
    entry = session.get_inputs()[0]
    images, _ = data_sets.load(options.data, options.dataset, "test")
    images = images[:options.samples].float().numpy() / numpy.float32(255)
    mean, deviation = (numpy.array([float(number) for number in text.split(",")], numpy.float32).reshape(1, -1, 1, 1)
                       for text in (options.mean, options.deviation))
    images = (images - mean) / deviation
    if len(entry.shape) == 4 and entry.shape[3] == images.shape[1] != entry.shape[1]:
        images = images.transpose(0, 2, 3, 1)
    # One by one: the batch axis of many models is 1.
    shape = [1] + [extent if isinstance(extent, int) else count
                   for extent, count in zip(entry.shape[1:], images.shape[1:])]
    rows = [session.run(None, {entry.name: numpy.ascontiguousarray(image).reshape(shape)})[0].reshape(-1)
            for image in images]
    return numpy.array(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("model")
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--mean", default="0")
    parser.add_argument("--deviation", default="1")
    parser.add_argument("--samples", type=int, default=1000)
    options = parser.parse_args()
    found, expected = ours(options), theirs(options)
    difference = numpy.abs(found - expected).max() / numpy.abs(expected).max()
    agree = (found.argmax(1) == expected.argmax(1)).sum()
    print(f"{options.model}: logits differ by {difference:.1e} of the largest at most, predictions agree on {agree} of "
          f"{len(expected)}")
    sys.exit(0 if difference <= 1e-4 else 1)


if __name__ == "__main__":
    main()
