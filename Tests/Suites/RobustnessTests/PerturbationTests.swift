import Kernels
import Networks
import Robustness
import TestSupport
import Testing

@Suite("Noises, nonsense, corruptions, transfer")
struct PerturbationTests {
    private static let grey = Network(
        input: ImageShape(height: 20, width: 20, channels: 1), classes: 3,
        layers: [
            .convolution(.init(channels: 4, size: 5)), .activation(.relu), .pooling(.init(.max, size: 2, stride: 2)),
            .fullyConnected(.init(channels: 4)),
        ], hybridLoss: nil, stabilizer: 1e-4)
    private static let colour = Network(
        input: ImageShape(height: 16, width: 16, channels: 3), classes: 3, layers: grey.layers, hybridLoss: nil,
        stabilizer: 1e-4)

    private func distance(_ a: [Float], _ b: [Float]) -> Double {
        zip(a, b).reduce(0.0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) }.squareRoot()
    }

    @Test("sign noise moves every element by the strength, and the same way at each strength")
    func signs() throws {
        let siege = try Siege()
        let (weak, strong) = (
            try siege.run("noise-sign", strength: 0.1), try siege.run("noise-sign", strength: 0.3)
        )
        for row in 0..<siege.count {
            for i in 0..<siege.size {
                let (a, b) = (weak[row][i] - siege.image(row)[i], strong[row][i] - siege.image(row)[i])
                #expect(abs(abs(a) - 25.5) < 0.001 && abs(b - 3 * a) < 0.001)
            }
        }
    }

    @Test("the best of more draws is at least as bad, and begins with the one draw")
    func draws() throws {
        for noise in ["noise-gaussian", "noise-uniform", "noise-sign", "noise-salt-pepper"] {
            let siege = try Siege(count: 30)
            let one = try siege.run(noise, strength: 0.25)
            let ten = try siege.run(noise + ":draws=10", strength: 0.25)
            let broken = try siege.broken(one)
            #expect(Set(try siege.broken(ten)).isSuperset(of: broken))
            for row in broken { #expect(ten[row] == one[row]) }
        }
    }

    @Test("blended noise ends at the first wrong point of the line, or at the strength")
    func blended() throws {
        let siege = try Siege(count: 30)
        let (near, far) = (
            try siege.run("noise-uniform:blend=40", strength: 0.3), try siege.run("noise-uniform:blend=40", strength: 1)
        )
        let (few, many) = (Set(try siege.broken(near)), Set(try siege.broken(far)))
        #expect(many.isSuperset(of: few) && !many.isEmpty)
        for row in few { #expect(near[row] == far[row]) }
        for row in 0..<30 where !few.contains(row) {
            let farthest = zip(near[row], siege.image(row)).map { abs($0 - $1) }.max() ?? 0
            #expect(abs(farthest - 0.3 * 255) < 0.01)
        }
    }

    @Test(
        "nonsense of each family lies in the range of pixels and depends on the sample alone",
        arguments: ["gaussian", "uniform", "binary", "sparse", "permuted", "inverted"])
    func nonsense(family: String) throws {
        let siege = try Siege(Self.grey)
        let attack = "nonsense:family=\(family):attack=none"
        let images = try siege.run(attack, strength: 0)
        for row in 0..<siege.count {
            #expect(images[row].allSatisfy { $0 >= -120.001 && $0 <= 135.001 })
            #expect(try siege.runAlone(attack, strength: 0, row: row) == images[row])
            let pixels = images[row].map { $0 + 120 }
            let own = siege.image(row).map { $0 + 120 }
            switch family {
            case "binary": #expect(Set(pixels) == [0, 255])
            case "sparse": #expect((0.02...0.25).contains(Double(pixels.count { $0 > 0 }) / Double(pixels.count)))
            case "permuted":
                #expect(zip(pixels.sorted(), own.sorted()).allSatisfy { abs($0 - $1) < 1e-3 } && pixels != own)
            case "inverted": #expect(zip(pixels, own).allSatisfy { abs($0 + $1 - 255) < 1e-3 })
            default: #expect(Set(pixels).count > 100)
            }
        }
        #expect(try siege.suite("nonsense:family=all").partNames.count == 6)
    }

    @Test("PGD from nonsense stays in its ball and raises the largest class's logit")
    func nonsenseUnderAttack() throws {
        let siege = try Siege(Self.grey)
        let start = try siege.run("nonsense:family=uniform:attack=none", strength: 0)
        let moved = try siege.run("nonsense:family=uniform:attack=pgd:steps=10", strength: 0.1)
        func top(_ images: [[Float]]) throws -> [Float] {
            let all = Buffer(images.flatMap { $0 })
            let z = try siege.target.outputs(Array(0..<siege.count), of: all.pointer)
            let outputs = siege.target.plan.outputs
            return (0..<siege.count).map { row in (0..<3).map { z[row * outputs + $0] }.max() ?? 0 }
        }
        let (before, after) = (try top(start), try top(moved))
        for row in 0..<siege.count {
            #expect(after[row] > before[row])
            #expect(zip(moved[row], start[row]).allSatisfy { abs($0 - $1) < 25.501 })
        }
    }

    @Test("each corruption stays in range, grows with its severity and depends on the sample alone", arguments: [1, 3])
    func corruptions(channels: Int) throws {
        let siege = try Siege(channels == 1 ? Self.grey : Self.colour, count: 6, blobs: true)
        let names = try siege.suite("corruptions").partNames
        #expect(names.count == (channels == 1 ? 13 : 8))
        #expect(try siege.suite("corruptions").strengths([0.1]) == [0.2, 0.4, 0.6, 0.8, 1])
        #expect(try siege.suite("corruptions:severity=2").strengths([0.1]) == [0.4])
        for name in names {
            let attack = "corruptions:kind=\(name)"
            let (mild, severe) = (try siege.run(attack, strength: 0.2), try siege.run(attack, strength: 1))
            var change = (0.0, 0.0)
            for row in 0..<6 {
                #expect(severe[row].allSatisfy { $0 >= -120.001 && $0 <= 135.001 })
                #expect(try siege.runAlone(attack, strength: 1, row: row) == severe[row])
                change.0 += distance(mild[row], siege.image(row))
                change.1 += distance(severe[row], siege.image(row))
            }
            #expect(change.0 > 0 && change.1 > 1.05 * change.0, "\(name): \(change)")
        }
    }

    @Test("a corruption takes any strength: the nearest severity, none below a tenth")
    func strengths() throws {
        let siege = try Siege(Self.grey, count: 2)
        for strength in [0, 0.05, 0.1, 0.9, 1] {
            let images = try siege.run("corruptions:kind=brightness", strength: strength)
            #expect((images[0] == siege.image(0)) == (strength < 0.1), "\(strength)")
        }
    }

    @Test("every corruption of every severity takes the tiniest images, oblong ones, and up to ten channels")
    func tiny() {
        for corruption in CorruptionCatalogue.entries {
            for size in 0..<64 {
                for channels in [1, 3, 10] {
                    let shape = ImageShape(height: 1 + size / 8, width: 1 + size % 8, channels: channels)
                    for draw in 0..<5 {
                        var random = Philox(seed: UInt64(draw), purpose: .test, size, channels)
                        var image = Raster(
                            shape: shape, pixels: (0..<shape.count).map { _ in 255 * random.uniform() })
                        corruption.apply(to: &image, severity: 1 + draw, &random)
                        #expect(
                            image.pixels.count == shape.count && image.pixels.allSatisfy { (0...255).contains($0) },
                            "\(corruption.name) on \(shape)")
                    }
                }
            }
        }
    }

    @Test("made on the network itself, a transferred sample is the attack's own; from other pixels it is shifted")
    func transfer() throws {
        let siege = try Siege()
        let own = try siege.run("pgd:steps=5", strength: 0.1)
        let same = try siege.run("transfer:attack=pgd:steps=5", strength: 0.1, others: [("a/b.h5", siege.target)])
        #expect(same == own)
        let suite = try siege.suite("transfer", others: [("a/b.h5", siege.target), ("c", siege.target)])
        #expect(suite.partNames == ["a_b.h5", "c"])
        let other = try Siege(Self.grey)
        #expect(throws: (any Error).self) { try siege.suite("transfer", others: [("x", other.target)]) }
        // The same network with another mean image sees the same pixels as other inputs.
        let shifted = TargetModel(
            siege.target.model, meanImage: [Float](repeating: 100, count: siege.size), seed: siege.target.seed)
        for (row, image) in try siege.run(
            "transfer:attack=fgsm", strength: 0.1, others: [("s", shifted)]
        ).enumerated() {
            #expect(zip(image, siege.image(row)).allSatisfy { abs($0 - $1) <= 25.51 })
        }
    }
}
