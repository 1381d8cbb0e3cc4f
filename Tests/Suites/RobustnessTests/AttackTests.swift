import Kernels
import Robustness
import TestSupport
import Testing

@Suite("Attacks in the ball")
struct AttackTests {
    static let attacks = [
        "fgsm", "pgd:steps=12:step=0.3", "pgd:steps=12:step=1:decay=linear", "pgd:loss=union:steps=8:step=0.3",
        "pgd:loss=margin-targeted:steps=8:targets=2",
        "apgd-ce:steps=25", "apgd-dlr:steps=25", "apgd-t:steps=15:targets=3", "fab-t:steps=15:targets=3",
        "square:queries=150", "spsa:steps=4:pairs=30:rate=0.05", "noise-uniform:draws=5:clipped=yes",
        "noise-uniform:blend=20",
    ]
    private static let networks = SmallNetworks.all.filter { ["plain", "mReLU, released loss"].contains($0.name) }

    @Test("every point stays in the ball and in the range of pixels", arguments: attacks)
    func staysInside(attack: String) throws {
        for (_, network) in Self.networks {
            let siege = try Siege(network)
            for (row, image) in try siege.run(attack, strength: 0.12).enumerated() {
                let farthest = zip(image, siege.image(row)).map { abs($0 - $1) }.max() ?? 0
                #expect(farthest <= 255 * 0.12 + 0.001, "\(attack): \(farthest / 255)")
                // The mean image is 120 everywhere.
                #expect(image.allSatisfy { $0 >= -120.001 && $0 <= 135.001 })
            }
        }
    }

    @Test("a strength of 0 changes nothing", arguments: attacks)
    func zero(attack: String) throws {
        let siege = try Siege()
        let images = try siege.run(attack, strength: 0)
        for row in 0..<siege.count { #expect(images[row] == siege.image(row)) }
    }

    @Test("a sample's point is the same alone, in a group, or with other rows left out", arguments: attacks)
    func independent(attack: String) throws {
        let siege = try Siege(Self.networks[1].network)
        let together = try siege.run(attack, strength: 0.1)
        let some = try siege.run(attack, strength: 0.1, rows: [2, 7])
        for row in [2, 7] {
            #expect(some[row] == together[row])
            #expect(try siege.runAlone(attack, strength: 0.1, row: row) == together[row])
        }
        #expect(some[0] == siege.image(0))
    }

    @Test("iterated attacks break what one step breaks, and the combination the most")
    func order() throws {
        let siege = try Siege(count: 40)
        func errors(_ attack: String) throws -> Int { try siege.broken(try siege.run(attack, strength: 0.03)).count }
        let one = try errors("fgsm")
        let targeted = "pgd:loss=margin-targeted:steps=20:step=0.2"
        #expect(try errors(targeted) >= errors(targeted + ":targets=1"))
        for attack in ["pgd:steps=20:step=0.2", targeted, "apgd-ce", "apgd-t", "fab-t"] {
            let many = try errors(attack)
            #expect(many >= one, "\(attack): \(many) against \(one)")
        }
        #expect(try errors("square:queries=400") > 0)
        #expect(try errors("spsa:steps=10:rate=0.05") > 0)
        let standard = try siege.suite("standard:queries=200")
        #expect(standard.partNames == ["apgd-ce", "apgd-t", "fab-t", "square"] && standard.sparesTheBroken)
    }

    @Test("where only an accepted class counts, success is that, and targets are classes")
    func accepted() throws {
        let siege = try Siege(Self.networks[1].network, count: 40)
        let images = try siege.run("apgd-t:success=accepted:steps=30", strength: 0.2)
        let all = Buffer(images.flatMap { $0 })
        let z = try siege.target.outputs(Array(0..<40), of: all.pointer)
        // The network has 3 classes and one output for nonsense.
        let wins = (0..<40).map { siege.target.plan.network.loss.winner(z + $0 * 4, outputs: 4) }
        let moved = (0..<40).filter { images[$0] != siege.image($0) }
        #expect(!moved.isEmpty)
        #expect(moved.allSatisfy { wins[$0] < 3 && wins[$0] != Int(siege.labels.pointer[$0]) })
    }

    @Test(
        "on two and three outputs each loss is as strong as the margin, and says so in its settings", arguments: [2, 3])
    func fewOutputs(outputs: Int) throws {
        var network = SmallNetworks.plain
        network.classes = 2
        network.layers[network.layers.count - 1] = .fullyConnected(.init(channels: outputs))
        let siege = try Siege(network, count: 40)
        func errors(_ attack: String, part: Int = 0) throws -> Int {
            try siege.broken(try siege.run(attack, strength: 0.05, part: part)).count
        }
        let margin = try errors("pgd:loss=margin")
        #expect(margin > 4)
        for attack in ["apgd-dlr", "apgd-t", "pgd:loss=dlr", "pgd:loss=margin-targeted"] {
            let found = try errors(attack)
            #expect(found >= margin, "\(attack): \(found) against \(margin)")
        }
        let settings = try siege.suite("apgd-dlr").settings
        #expect(settings["loss"] == (outputs == 2 ? "margin (dlr is not defined on 2 outputs)" : "dlr"))
        let targeted = try siege.suite("pgd:loss=margin-targeted:targets=4").settings
        #expect(targeted["loss"] == "margin-targeted" && targeted["targets"] == "4")
        #expect(try siege.suite("apgd-t").settings["loss"]?.hasPrefix("margin-targeted (") == true)
        #expect(try errors("standard:queries=50", part: 1) >= margin)
    }

    @Test("the default step follows the number of steps; a step that is too small or too large is warned of")
    func steps() throws {
        let siege = try Siege(count: 40)
        func step(_ attack: String) throws -> String? { try siege.suite(attack).settings["step"] }
        #expect(try step("pgd") == "\(1.0 / 30) of the strength")
        #expect(try step("pgd:steps=10") == "\(4.0 / 3 / 10) of the strength")
        #expect(try step("pgd-l2") == "0.025 of the strength")
        #expect(try step("pgd-l2:steps=10") == "0.125 of the strength")
        // From the sample the edge of the ball is reached.
        let moved = try siege.run("pgd:steps=4:start=sample", strength: 0.05)
        let farthest =
            moved.indices.flatMap { row in zip(moved[row], siege.image(row)).map { abs($0 - $1) } }.max() ?? 0
        #expect(abs(farthest - 0.05 * 255) < 0.01)
        func warnings(_ attack: String) throws -> [String] { try siege.suite(attack).warnings([0.1, 0.3]) }
        for sound in ["pgd", "pgd:steps=1", "pgd-l2", "pgd:step=0.025", "spsa", "fgsm", "standard", "pgd:decay=linear"]
        {
            #expect(try warnings(sound) == [] || sound == "pgd:decay=linear", "\(sound)")
        }
        for (weak, word) in [
            ("pgd:steps=10:step=0.03", "0.3 of the radius"), ("pgd:step=3", "leaps"), ("spsa:steps=20", "0.2"),
            ("pgd-l2:step=0.01", "0.5 of the radius"),
        ] {
            let found = try warnings(weak)
            #expect(found.count == 1 && found[0].contains(word), "\(weak): \(found)")
        }
    }

    @Test("lists take spaces, strengths take fractions; what is neither is refused")
    func lists() throws {
        #expect(
            try AttackSpecification.list(" clean, fgsm ,pgd: steps = 3 :loss=margin").map(\.verbatim) == [
                "clean", "fgsm", "pgd:steps=3:loss=margin",
            ])
        #expect(try AttackSpecification.strengths("8 / 255, 0.1 ,-0, 1") == [8.0 / 255, 0.1, 0, 1])
        #expect(try AttackSpecification.strengths("-0")[0].sign == .plus)
        for wrong in ["", "a", "1.5", "3/2", "1/0", "0/0", "1/2/3", "-0.1", "8/", "/255", "nan", "0.1,0.1", "0.1,,0.2"]
        {
            #expect(throws: (any Error).self, "\(wrong)") { try AttackSpecification.strengths(wrong) }
        }
        #expect(throws: (any Error).self) { try AttackSpecification.list("clean, clean") }
    }

    @Test("entries of the catalogue have their own names, kinds and units")
    func catalogue() throws {
        let names = AttackCatalogue.entries.map(\.name)
        #expect(Set(names).count == names.count && names.count == 19)
        let adversarial = AttackCatalogue.entries.filter(\.isAdversarial).map(\.name)
        #expect(
            Set(adversarial) == [
                "fgsm", "pgd", "pgd-l2", "apgd-ce", "apgd-dlr", "apgd-t", "fab-t", "square", "spsa", "standard",
                "transfer",
            ])
        func psnr(_ attack: String) -> String {
            SummaryRow(
                checkpoint: "", dataset: "", attack: attack, strength: 0.1, samples: 0, error: 0, wrong: 0, rejected: 0,
                meanConfidence: 0
            ).psnr
        }
        for attack in ["fgs-lmax", "pgd:steps=3", "standard/apgd-ce", "nonsense", "noise-gaussian", "transfer/a_b.h5"] {
            #expect(psnr(attack) == "20.00", "\(attack)")
        }
        for attack in [
            "pgd-l2", "corruptions", "corruptions/fog", "noise-salt-pepper", "transfer:attack=pgd-l2",
            "transfer:attack=pgd-l2/a.h5", "who",
        ] {
            #expect(psnr(attack) == "", "\(attack)")
        }
    }

    @Test("the surrogate slope changes the gradients of flat mReLUs and nothing else")
    func surrogate() throws {
        let siege = try Siege(Self.networks[1].network)
        let plain = try siege.run("pgd:steps=3:start=sample", strength: 0.1)
        #expect(try siege.run("pgd:steps=3:start=sample:surrogate-slope=0", strength: 0.1) == plain)
        #expect(try siege.run("pgd:steps=3:start=sample:surrogate-slope=0.3", strength: 0.1) != plain)
        let relu = try Siege(SmallNetworks.plain)
        #expect(
            try relu.run("pgd:steps=3:surrogate-slope=0.3", strength: 0.1)
                == relu.run("pgd:steps=3", strength: 0.1))
    }

    @Test("PGD in L2 stays in its ball")
    func l2() throws {
        let siege = try Siege()
        for (row, image) in try siege.run("pgd-l2:steps=10:step=0.3", strength: 0.9).enumerated() {
            let squares = zip(image, siege.image(row)).reduce(0.0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) }
            #expect(squares.squareRoot() <= 255 * 0.9 * 1.00001)
        }
    }

    @Test("the checks of Auto-PGD come after 22, 19, 16, 13, 10, 7, 6, 6 ... of 100 steps")
    func schedule() {
        var schedule = APGDSchedule(steps: 100)
        #expect((0..<100).compactMap { _ in schedule.advance() } == [22, 19, 16, 13, 10, 7, 6, 6])
    }

    @Test("Square's windows shrink as published, scaled to the budget, and it keeps to its budget")
    func square() throws {
        let at = [0, 10, 11, 51, 201, 8001].map { SquareAttack.share(0.8, query: $0, of: 10_000) }
        #expect(at == [0.8, 0.8, 0.4, 0.2, 0.1, 0.8 / 512])
        #expect(SquareAttack.share(0.8, query: 5, of: 5000) == 0.8)
        #expect(SquareAttack.share(0.8, query: 6, of: 5000) == 0.4)
        #expect(SquareAttack.side(share: 0.8, ImageShape(height: 28, width: 28, channels: 1)) == 25)
        #expect(SquareAttack.side(share: 0, ImageShape(height: 28, width: 28, channels: 1)) == 1)
        let siege = try Siege()
        let few = try siege.run("square:queries=1", strength: 0.001)
        // Nothing broke, so the samples are as they were.
        #expect(few[0] == siege.image(0))
    }

    @Test(
        "the way to a linearised boundary is the shortest in the box, or goes to the box's nearest corner",
        arguments: 0..<30)
    func projection(stream: Int) {
        let count = 11
        let box = PixelBox(meanImage: [Float](repeating: 100, count: count))
        let (x, w) = (Buffer(gaussians(count, stream).map { 60 * $0 }), Buffer(gaussians(count, 100 + stream)))
        for i in 0..<count { x.pointer[i] = max(-100, min(155, x.pointer[i])) }
        let difference = Double(gaussians(1, 200 + stream)[0]) * (stream % 3 == 0 ? 5000 : 100)
        let d = Buffer<Float>(count)
        let length = BoundaryProjection.project(
            d.pointer, x.pointer, w.pointer, difference: difference, box, count: count)
        /// The most that a move of at most `length` an element can take off the difference.
        func reach(_ length: Double) -> Double {
            (0..<count).reduce(0.0) { sum, i in
                let down = (difference > 0) == (w.pointer[i] > 0)
                let room = down ? Double(x.pointer[i]) + 100 : 155 - Double(x.pointer[i])
                return sum + abs(Double(w.pointer[i])) * min(length, room)
            }
        }
        let left = (0..<count).reduce(difference) { $0 + Double(w.pointer[$1]) * Double(d.pointer[$1]) }
        #expect((0..<count).allSatisfy { abs(x.pointer[$0] + d.pointer[$0] - 27.5) <= 127.501 })
        if reach(255) > abs(difference) {
            #expect(abs(left) < 1e-3 * max(1, abs(difference)))
            #expect(reach(length * 0.999) < abs(difference))
        } else {
            #expect(abs(abs(left) - (abs(difference) - reach(255))) < 1e-2)
        }
    }

    @Test("parameters that are not: the nearest is named, ranges are told")
    func refusals() throws {
        let siege = try Siege()
        let cases = [
            ("pgd:stpes=3", "steps"), ("pgd:steps=0", "1 to 1000000"), ("pgd:step=x", "a number"),
            ("pgd:loss=cee", "ce"), ("apgd-ce:targets=3", "targets"), ("pgd:targets=3", "targets"),
            ("fab-t:clipped=no", "clipped"), ("square:p=2", "0 to 1"), ("pgd:clipped=maybe", "yes, no"),
            ("standard:steps=3", "steps"), ("corruptions:kind=contrasts", "contrast"),
            ("nonsense:family=uniforme", "uniform"), ("noise-sign:blend=3", "blend"), ("transfer", "two checkpoints"),
        ]
        for (attack, word) in cases {
            #expect(throws: (any Error).self, "\(attack)") { try siege.suite(attack) }
            do { _ = try siege.suite(attack) } catch {
                #expect("\(error)".contains(word), "\(attack): \(error)")
            }
        }
    }
}
