import Foundation
import Lanes
import TestSupport
import Testing

import MessagePassing
import Training

@Suite("Audits: lanes computed by a second rank", .underMPIRun, .serialized)
struct AuditTests {
    private static let recipe = [
        "glyphs-mrelu-r-m", "batch=24", "lanes=6", "mean_training.samples=600", "stall_timeout=0",
    ]

    private func run(_ ranks: Int, _ more: [String], steps: Int = 4, flip: String = "") throws -> ProgramResult {
        try spawnMpirun(
            ranks: ranks, "RankProgram", arguments: ["auditedTraining", "\(steps)"] + Self.recipe + more,
            environment: ["STEADFAST_FLIP": flip]
        ).wait(timeout: 120)
    }

    @Test("change no bit, on any number of ranks, with attacks and short batches too")
    func sameBits() throws {
        let trainings = [
            [], ["accumulation=2"],
            ["mean_training=false", "adversarial_training={method: trades, steps: 2, strength: 0.1}"],
            ["adversarial_training={method: pgd, steps: 2, strength: 0.1, batch_norm: batch}"],
            ["adversarial_training={method: free, steps: 2, strength: 0.1}"],
        ]
        /// What the ranks say of each training.
        func said(_ ranks: Int, _ more: [String] = []) throws -> [Set<String>] {
            try runCases(ranks, trainings.map { ["auditedTraining", "4"] + Self.recipe + $0 + more }).map { Set($0) }
        }
        let plain = try said(1)
        #expect(plain.allSatisfy { $0.count == 1 }, "\(plain)")
        for ranks in [1, 2, 3] {
            for (training, (audited, plain)) in zip(trainings, zip(try said(ranks, ["audit=1"]), plain)) {
                #expect(audited == plain, "\(ranks) ranks, \(training)")
            }
        }
    }

    @Test(
        "catch every flipped bit that changes a lane's sum, in its step, and name the rank",
        arguments: [
            "parameters:0:1:137:20", "parameters:1:2:30000:12", "parameters:2:0:8200:3", "activations:1:2:77:22",
            "activations:0:0:1300:5", "gradients:2:1:11:0", "gradients:0:3:400:30",
        ])
    func flips(flip: String) throws {
        let parts = flip.split(separator: ":")
        let result = try run(3, ["audit=1"], flip: flip)
        if result.status == 0 {
            // A flip may be of a number that is used for nothing; then no bit of the training changes.
            #expect(Set(result.lines) == Set(try run(3, []).lines), "\(flip) was not caught")
            return
        }
        #expect(result.status == 71, "\(result.errors)")
        #expect(result.lines == ["ended at step \(parts[2])"])
        #expect(result.errors.contains("audit: rank \(parts[1]) on "), "\(result.errors)")
        #expect(result.errors.contains("computes wrongly"))
        #expect(result.errors.split(separator: "\n").filter { $0.hasPrefix("steadfast: ") }.count == 1)
    }

    @Test("two ranks: a passing fault is its rank's, a lasting one is either's; alone: found by a second try")
    func fewRanks() throws {
        let passing = try run(2, ["audit=1"], flip: "gradients:1:1:11:7")
        #expect(passing.status == 71 && passing.errors.contains("rank 1 on "), "\(passing.errors)")
        let lasting = try run(2, ["audit=1"], flip: "parameters:1:1:137:20")
        #expect(lasting.status == 71 && lasting.errors.contains("nothing tells which"), "\(lasting.errors)")
        let alone = try run(1, ["audit=1"], flip: "gradients:0:1:11:7")
        #expect(alone.status == 71 && alone.errors.contains("rank 0 on "), "\(alone.errors)")
    }

    @Test("a hundred flips of every kind, each caught in its step and the right rank named")
    func manyFlips() throws {
        guard runsAll else { return }
        let clean = try run(3, [])
        var caught = 0
        for index in 0..<100 {
            let kind = ["parameters", "activations", "gradients"][index % 3]
            let (rank, step) = (index % 3, index * 7 % 4)
            let result = try run(3, ["audit=1"], flip: "\(kind):\(rank):\(step):\(index * 7919 + 3):\(index * 11 % 32)")
            if result.status == 0 {
                #expect(Set(result.lines) == Set(clean.lines), "flip \(index) was not caught")
                continue
            }
            caught += 1
            #expect(result.status == 71 && result.lines == ["ended at step \(step)"], "\(result.errors)")
            #expect(result.errors.contains("audit: rank \(rank) on "), "flip \(index): \(result.errors)")
        }
        print("\(caught) of 100 flips changed a lane's sum, and were caught")
        #expect(caught > 50)
    }

    @Test("the checks are the share asked for, each rank in the same steps, with different ranks")
    func choice() {
        let assignment = LaneAssignment(counts: [3, 2, 2, 1])
        var counts = [Int](repeating: 0, count: 4)
        var busySteps = 0
        for step in 0..<4000 {
            let checks = Auditor.checks(0.05, seed: 7, step: step, assignment: assignment)
            busySteps += checks.isEmpty ? 0 : 1
            for check in checks {
                counts[check.holder] += 1
                #expect(assignment[check.holder].contains(check.lane))
                #expect(Set([check.holder, check.checker, check.judge ?? -1]).count == 3)
            }
        }
        for (count, lanes) in zip(counts, assignment.counts) {
            #expect(abs(Double(count) - 4000 * 0.05 * Double(lanes)) < 150, "\(counts)")
        }
        // Where a rank with fewer lanes is checked, so are those with more.
        #expect(busySteps == counts.max())
        #expect(Auditor.checks(1, seed: 7, step: 3, assignment: assignment).map(\.lane) == Array(0..<8))
        #expect(Auditor.checks(0, seed: 7, step: 3, assignment: assignment).isEmpty)
    }

    @Test("a host that begins to compute wrongly is found after 1 / (audit * its lanes) steps on the average")
    func delay() {
        for (ranks, expected) in [(2, 25.0), (4, 50.0), (8, 100.0)] {
            let assignment = LaneAssignment(lanes: 8, ranks: ranks)
            var found = 0
            let steps = 100_000
            for step in 0..<steps
            where Auditor.checks(0.01, seed: 3, step: step, assignment: assignment).contains(where: { $0.holder == 1 })
            {
                found += 1
            }
            // From an arbitrary step on: the steps are drawn independently.
            let mean = Double(steps) / Double(found)
            print("audit 0.01, 8 lanes on \(ranks) ranks: found after \(mean) steps on the average")
            #expect(abs(mean / expected - 1) < 0.1)
        }
    }

    @Test("every single word shows in a signature")
    func signature() {
        var words = (0..<101).map { Float($0) }
        func sign() -> LaneSignature {
            var signature = LaneSignature()
            words.withUnsafeBufferPointer { buffer in
                if let base = buffer.baseAddress { signature.add(base, count: buffer.count) }
            }
            return signature
        }
        let clean = sign()
        for index in words.indices {
            for bit in 0..<32 as Range<UInt32> {
                let old = words[index]
                words[index] = Float(bitPattern: old.bitPattern ^ (1 << bit))
                #expect(sign() != clean)
                words[index] = old
            }
        }
        #expect(sign() == clean)
    }
}

@Suite("Numbers that are not finite", .underMPIRun, .serialized)
struct FiniteNumbersTests {
    @Test(
        "are found in the step where they appear, on whichever rank",
        arguments: ["parameters:1:2:137:32", "moments:2:1:3:32", "activations:2:1:5:32", "gradients:1:2:7:32"],
        ["clean", "free"])
    func infinity(flip: String, training: String) throws {
        let result = try spawnMpirun(
            ranks: 3, "RankProgram",
            arguments: ["auditedTraining", "5", "glyphs-mrelu-r-m", "batch=24", "stall_timeout=0"]
                + (training == "free" ? ["adversarial_training={method: free, steps: 3, strength: 0.1}"] : []),
            environment: ["STEADFAST_FLIP": flip]
        ).wait(timeout: 60)
        let step = try #require(Int(flip.split(separator: ":")[2]))
        #expect(result.status == 70, "\(result.errors)")
        #expect(result.errors.contains("is not a finite number at step \(step + 1);"), "\(result.errors)")
        #expect(result.errors.split(separator: "\n").filter { $0.hasPrefix("steadfast: ") }.count == 1)
        #expect(result.seconds < 30)
    }
}
