import Foundation
import Kernels
import TestSupport

/// A small data set, a recipe and an evaluation, drawn from a seed and a number: a job of a second at most.
struct RandomJob {
    /// The files of the data set, by name.
    private(set) var files: [String: [UInt8]] = [:]
    /// The recipe.
    private(set) var recipe = ""
    /// The arguments of `train` and of `evaluate` after the paths.
    private(set) var training: [String] = []
    private(set) var evaluation: [String] = []
    /// The ranks of both; 0: without mpirun.
    private(set) var ranks = 0

    private var random: Philox

    init(seed: UInt64, number: Int) {
        random = Philox(seed: seed, purpose: .test, number)
        let shape = ImageShape(height: draw(1...10), width: draw(1...10), channels: draw([1, 1, 3, draw(1...5)]))
        let most = draw([1, 2, 3, draw(1...12)])
        let (train, test) = (draw([1, 2, draw(1...60), draw(20...60)]), draw([0, 1, draw(1...20), draw(1...20)]))
        let labels = addSplit("train", train, shape, most) + addSplit("t10k", test, shape, most)
        // The classes of a set that is not known by name are counted from its labels.
        let classes = Int(labels.max() ?? 0) + 1
        writeRecipe(shape, classes: classes, train: train)
        writeEvaluation(train: train)
        ranks = chance(0.06) ? draw(1...3) : 0
    }

    private mutating func draw(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + Int(UInt64(random.next() as UInt32) % UInt64(range.count))
    }
    private mutating func draw<Element>(_ choices: [Element]) -> Element { choices[draw(0...choices.count - 1)] }
    private mutating func chance(_ share: Float) -> Bool { random.uniform() < share }

    /// IDX files of noise; labels drawn, sorted, or all of one class, which it returns.
    private mutating func addSplit(_ name: String, _ count: Int, _ shape: ImageShape, _ classes: Int) -> [UInt8] {
        func header(_ extents: [Int]) -> [UInt8] {
            [0, 0, 8, UInt8(extents.count)] + extents.flatMap { [0, 0, UInt8($0 >> 8), UInt8($0 & 255)] }
        }
        let extents = [count, shape.height, shape.width] + (shape.channels == 1 ? [] : [shape.channels])
        let isConstant = chance(0.1)
        files["\(name)-images-idx\(extents.count)-ubyte"] =
            header(extents) + (0..<count * shape.count).map { _ in isConstant ? 77 : UInt8(draw(0...255)) }
        var labels = (0..<count).map { _ in UInt8(draw(0...classes - 1)) }
        if chance(0.2) { labels.sort() }
        if chance(0.1) { labels = labels.map { _ in UInt8(classes - 1) } }
        files["\(name)-labels-idx1-ubyte"] = header([count]) + labels
        return labels
    }

    private mutating func writeRecipe(_ shape: ImageShape, classes: Int, train: Int) {
        let activation = draw(["plain", "rbf", "mrelu"])
        // Mean training, and the outputs that it adds.
        var means: (text: String, outputs: Int)?
        if chance(0.25) {
            let noise = draw([0, draw(1...9), draw(1...9)])
            means = ("{samples: \(draw(1...9)), noise_samples: \(noise)}", noise == 0 ? 1 : 2)
            if chance(0.4) { means = ("true", 2) }
        }
        var layers: [String] = []
        for _ in 0..<draw(0...2) {
            layers.append(
                "convolution: {channels: \(draw(1...5)), size: \(draw(1...3)), padding: \(draw(0...1)), "
                    + "deviation: 0.05}")
            if chance(0.2) { layers.append("batch_normalization") }
            layers.append("activation: \(draw(["relu", "sigmoid"]))")
            if chance(0.4) {
                layers.append(
                    "pooling: {kind: \(draw(["max", "average"])), size: \(draw(1...3)), stride: \(draw(1...2))}")
            }
        }
        layers.append("fully_connected: {channels: \(classes + (means?.outputs ?? 0)), deviation: 0.05}")
        // Now and then something that is refused: a batch that is more than there is, parts that do not divide it.
        let most = chance(0.05) ? 24 : min(24, train)
        let accumulation = chance(0.2) ? draw(1...4) : 1
        let batch = chance(0.03) ? draw(1...most) : accumulation * draw(1...max(1, most / accumulation))
        // More lanes than images of a micro-batch are refused: now and then they are asked for.
        let lanes = chance(0.05) ? draw(1...8) : draw(1...max(1, min(8, batch / accumulation)))
        var lines = [
            "dataset: set", "network:", "  architecture: \(chance(0.05) ? "mnist" : "custom")",
            "  activation: \(activation)",
        ]
        if lines[2].hasSuffix("custom") { lines += ["  layers:"] + layers.map { "    - " + $0 } }
        lines += [
            "epochs: \(draw(1...2))", "max_steps: \(draw(1...4))", "batch: \(batch)",
            "lanes: \(lanes)", "accumulation: \(accumulation)", "seed: \(draw(0...9))",
            "learning_rate: \(chance(0.02) ? "0" : draw(["0.01", "0.1", "1000", "1e-30"]))",
            "schedule: \(draw(["constant", "cosine"]))", "momentum: \(draw(["0", "0.9"]))",
            "reduction: \(draw(["exact", "exact", "fast"]))", "checkpoint: {every_steps: \(draw(1...3)), keep: 2}",
        ]
        if chance(0.3) { lines.append("random_training: true") }
        if let means { lines.append("mean_training: \(means.text)") }
        if chance(0.3) {
            let method = draw(["fgs", "fgsm", "pgd", "trades", "free"])
            lines.append("adversarial_training: {method: \(method), strength: \(draw(["0", "0.03", "0.3", "1"]))}")
        }
        let left = chance(0.05) ? train : train - batch
        if left > 0, chance(0.4) {
            let validation = draw(chance(0.05) ? 0...left : 1...left)
            lines.append("validation: \(validation)")
            if validation > 0, chance(0.4) {
                lines.append("validation_attack: {attack: \"\(attack())\", strength: 0.1}")
            }
        }
        if chance(0.2) { lines.append("shift: \(draw(0...min(4, shape.height - 1, shape.width - 1)))") }
        if chance(0.2) { lines.append("mirroring: \(draw(["off", "image", "batch"]))") }
        if chance(0.1) { lines.append("mean_image: \(draw(["training", "zero"]))") }
        if chance(0.1) { lines.append("precise_moments: \(draw(0...3))") }
        recipe = lines.joined(separator: "\n") + "\n"
        training = ["--quiet"] + (chance(0.1) ? ["--resume"] : [])
    }

    /// An attack of few queries.
    private mutating func attack() -> String {
        let steps = draw(1...3)
        return draw([
            "clean", "fgs-lmax", "fgs-lmax:gradient-mode=batch", "fgsm", "fgsm:clipped=no", "pgd:steps=\(steps)",
            "pgd:steps=\(steps):loss=\(draw(["ce", "margin", "dlr", "union"])):restarts=\(draw(1...2))",
            "pgd:steps=\(steps):loss=margin-targeted:targets=\(draw(1...12))",
            "pgd:steps=\(steps):start=sample:success=accepted:decay=linear", "pgd-l2:steps=\(steps)",
            "apgd-ce:steps=\(steps)", "apgd-dlr:steps=\(steps)", "apgd-t:steps=\(steps):targets=\(draw(1...12))",
            "apgd-t:steps=\(steps):success=accepted", "fab-t:steps=\(steps)", "fab-t:steps=\(steps):restarts=2",
            "square:queries=\(draw(1...9))", "square:queries=5:p=\(draw(["0", "0.5", "1"]))",
            "spsa:steps=\(steps):pairs=\(draw(1...60))", "noise-gaussian", "noise-uniform:draws=3",
            "noise-uniform:blend=\(draw(1...5))", "noise-sign", "noise-salt-pepper:draws=2", "nonsense",
            "nonsense:family=all", "nonsense:family=all:attack=pgd:steps=2", "nonsense:gradient-mode=batch",
            "nonsense:attack=none", "corruptions", "corruptions:severity=\(draw(0...6))", "standard:queries=5",
            "transfer", "nothing",
        ])
    }

    private mutating func writeEvaluation(train: Int) {
        var attacks = [chance(0.7) ? "clean" : attack()]
        for _ in 0..<draw(0...3) { attacks.append(attack()) }
        evaluation = ["--attacks", attacks.joined(separator: ",")]
        if chance(0.8) {
            let strengths = (0..<draw(1...3)).map { _ in draw(["0", "1", "0.1", "8/255", "0.000001", "0.5", "1e-300"]) }
            evaluation += ["--strengths", Set(strengths).sorted().joined(separator: ",")]
        }
        if chance(0.5) { evaluation += ["--samples", "\(draw(1...30))"] }
        if chance(0.3) { evaluation += ["--every", "\(draw([1, 2, draw(1...30), 1_000_000_000]))"] }
        if chance(0.3) { evaluation += ["--chunk", "\(draw([1, draw(1...40), 1_000_000]))"] }
        if chance(0.3) { evaluation += ["--split", draw(["train", "validation", "test"])] }
        if chance(0.3) { evaluation += ["--seed", draw(["0", "18446744073709551615", "7"])] }
        if chance(0.2) { evaluation.append("--images") }
        if chance(0.04) { evaluation.append("--diagnose") }
    }
}
