"""Checks imported networks against onnxruntime and PyTorch: the logits of an evaluation with those of the model itself,
the signs of the loss's gradient, as FGSM shows them, with those of PyTorch on the model that onnx2torch makes.

    pip install onnxruntime h5py torch onnx2torch
    python imports.py STEADFAST FILE.onnx --dataset D --data DIR [--mean M] [--deviation S] [--samples 1000]
        [--gradients 100]

The mean and the deviation, one number or one a channel, are those of `steadfast import`. Prints the largest difference
of a logit as a part of the largest logit, and how many predictions agree; for the first images of `--gradients` the
share of pixels whose signs are equal, among those whose gradient is above 1e-6 of the image's largest. Exits with 1
where a logit differs by more than 1e-4, or fewer than 99.9 % of the signs are equal.
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


def evaluated(options, attack, samples, read):
    """What `read` finds in the results of an attack."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [options.program, "evaluate", options.model, "--dataset", options.dataset, "--mean", options.mean,
             "--deviation", options.deviation, "--attacks", attack, "--strengths", "0.01", "--samples", str(samples),
             "--images", "--output", folder, "--quiet", "--data-directory", options.data], check=True)
        with h5py.File(os.path.join(folder, "results.h5"), "r") as file:
            return read(file["attacks"][attack])


def entry_of(options):
    """The model's session, its input, and whether that has the channels last."""
    session = onnxruntime.InferenceSession(options.model, providers=["CPUExecutionProvider"])
    entry = session.get_inputs()[0]
    channels = 1 if options.dataset == "mnist" else 3
    return session, entry, len(entry.shape) == 4 and entry.shape[3] == channels != entry.shape[1]


def normalization(options):
    return (numpy.array([float(number) for number in text.split(",")], numpy.float32).reshape(1, -1, 1, 1)
            for text in (options.mean, options.deviation))


def one(entry, image_shape):
    """The shape of one image as the model takes it: the batch axis of many models is 1."""
    return [1] + [extent if isinstance(extent, int) else count for extent, count in zip(entry.shape[1:], image_shape)]


def theirs(options):
    session, entry, channels_last = entry_of(options)
    images, _ = data_sets.load(options.data, options.dataset, "test")
    mean, deviation = normalization(options)
    images = (images[:options.samples].float().numpy() / numpy.float32(255) - mean) / deviation
    if channels_last:
        images = images.transpose(0, 2, 3, 1)
    shape = one(entry, images.shape[1:])
    rows = [session.run(None, {entry.name: numpy.ascontiguousarray(image).reshape(shape)})[0].reshape(-1)
            for image in images]
    return numpy.array(rows)


def equal_signs(options):
    """The share of equal signs of the cross-entropy's gradient among the pixels that count."""
    import torch
    from onnx2torch import convert

    images, labels = data_sets.load(options.data, options.dataset, "test")
    images, labels = images[:options.gradients].float(), labels[:options.gradients]
    moved = evaluated(options, "fgsm:clipped=no", options.gradients, lambda group: group["image"][0])
    signs = numpy.sign(moved.transpose(0, 3, 1, 2) - images.numpy())
    _, entry, channels_last = entry_of(options)
    mean, deviation = (torch.from_numpy(values) for values in normalization(options))
    model = convert(options.model).eval()
    equal = counted = 0
    for index, label in enumerate(labels):
        pixels = images[index:index + 1].clone().requires_grad_()
        x = (pixels / 255 - mean) / deviation
        x = x.permute(0, 2, 3, 1) if channels_last else x
        logits = model(x.reshape(one(entry, x.shape[1:]))).reshape(1, -1)
        torch.nn.functional.cross_entropy(logits, label.reshape(1)).backward()
        gradient = pixels.grad[0].numpy()
        counts = numpy.abs(gradient) > 1e-6 * numpy.abs(gradient).max()
        counted += counts.sum()
        equal += (numpy.sign(gradient) == signs[index])[counts].sum()
    return equal / counted, counted


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("model")
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--mean", default="0")
    parser.add_argument("--deviation", default="1")
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--gradients", type=int, default=0)
    options = parser.parse_args()
    found = evaluated(options, "clean", options.samples, lambda group: group["output"][()])
    expected = theirs(options)
    difference = numpy.abs(found - expected).max() / numpy.abs(expected).max()
    agree = (found.argmax(1) == expected.argmax(1)).sum()
    print(f"{options.model}: logits differ by {difference:.1e} of the largest at most, predictions agree on {agree} of "
          f"{len(expected)}")
    share = 1
    if options.gradients > 0:
        share, counted = equal_signs(options)
        print(f"{options.model}: signs of the gradient agree on {100 * share:.3f} % of {counted} pixels")
    sys.exit(0 if difference <= 1e-4 and share >= 0.999 else 1)


if __name__ == "__main__":
    main()
