import Checkpoints
import Essentials
import Foundation
import Networks
import Recipes
import Reports
import Robustness
import Training

/// Texts that people write: recipes, `--set`, attacks, summaries.
let textTargets = [
    Target(
        name: "recipe", seeds: { try recipes() }, words: recipeWords,
        read: { _ = try Recipe.parse(yaml: String(decoding: $0, as: UTF8.self)) }),
    Target(
        name: "override", seeds: { overrides.map { Array($0.utf8) } }, words: recipeWords,
        read: { input in
            let text = String(decoding: input, as: UTF8.self)
            _ = try Recipe.parse(yaml: "dataset: glyphs\n", overrides: [text])
        }),
    Target(
        name: "attacks", seeds: { attacks.map { Array($0.utf8) } },
        words: [":", "=", ",", "e308", "-1", "nan", "99999999999999999999"],
        read: { input in
            let text = String(decoding: input, as: UTF8.self)
            try AttackCatalogue.check(text.split(separator: ",").map(String.init))
        }),
    Target(
        name: "summary", seeds: { [Array(summary.utf8)] }, words: [",", "\n", "\"", "nan", "inf", "1e999"],
        read: { input in
            var file = SummaryFile()
            try file.add(contentsOf: summaryFolder.write(input, to: "summary.csv"))
            _ = "\(SummaryTable(file.rows))"
        }),
]

/// A custom network, all sections, and the texts of built-in ones in full.
private func recipes() throws -> [[UInt8]] {
    let own = """
        dataset: letters
        network:
          architecture: custom
          activation: mrelu
          layers:
            - convolution: {channels: 6, size: 5, padding: 2}
            - activation: relu
            - pooling: {kind: max, size: 2, stride: 2}
            - fully_connected: {channels: 10}
        schedule: {kind: step, epochs: [3, 5], factor: 0.1}
        adversarial_training: {method: pgd, steps: 3, strength: 0.1}
        evaluation: {attacks: ["pgd:steps=20", clean], strengths: [0, 0.1]}

        """
    return try [Array(own.utf8)]
        + ["glyphs", "mnist", "cifar10"].map { name in
            Array(
                try Recipe.parse(
                    yaml: "dataset: \(name)\nmean_training: true\nvalidation: 100\nvalidation_attack: true\n"
                ).yaml.utf8)
        }
}

private let overrides = [
    "batch=100", "schedule.kind=cosine", "random_training={amplitude: 0.3}",
    "network.layers=[{fully_connected: {channels: 9}}]",
    "checkpoint.every_steps=5", "layer_rates.conv1=0.5", "evaluation={attacks: [clean], samples: 9}",
    "seed=18446744073709551615",
]
private let recipeWords = [
    "- ", ": ", "{", "}", "[", "]", "&a ", "*a", "!!int ", "null", "~", "1e999", ".inf", ".nan", "-0",
    "0x7fffffffffffffff",
    "9223372036854775807", "1_000_000_000", "16777216", "\t", "\"", "'", "|\n", ">\n", "<<: ", "? ", "--- ", "...\n",
    "%YAML 1.1\n",
    "convolution: {channels: 1000000, size: 1, padding: 0, stride: 1}", "pooling: {kind: average, size: 2}", "\u{FEFF}",
    "\0",
]
private let attacks = [
    "clean,fgs-lmax:gradient-mode=batch,pgd:steps=100:restarts=5", "standard:queries=50,nonsense:family=all:attack=fgs",
    "corruptions:kind=all:severity=3,noise-uniform:draws=5:blend=yes",
    "transfer:attack=pgd:steps=3,spsa:pairs=4:delta=0.1",
]
private let summaryFolder = Workplace("summaries")
private let summary =
    SummaryRow.header + "\n" + """
        run/step-00000012.h5,mnist,clean,0,inf,100,0.010000,0.000000,0.010000,0.990000
        "a,b",mnist,pgd:steps=3,0.05,26.02,100,0.500000,0.300000,0.200000,0.800000

        """
