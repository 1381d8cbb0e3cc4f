import Foundation
import Lanes
import TestSupport
import Testing

import MessagePassing
import Training

@Suite("Lanes dealt by speed", .underMPIRun, .serialized)
struct BalanceTests {
    /// Four epochs of 11 steps, with drawn samples and a short last batch.
    static let recipe = [
        "glyphs-mrelu-r-m", "batch=48", "validation=11500", "mean_training.samples=7", "mean_training.noise_samples=7",
        "epochs=4", "stall_timeout=0",
    ]

    private func train(_ ranks: Int, _ deals: String, _ more: String...) throws -> Set<String> {
        let result = try spawnMpirun(
            ranks: ranks, "RankProgram", arguments: ["dealtTraining", deals] + Self.recipe + more
        ).wait(timeout: 120)
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.lines.count == ranks)
        return Set(result.lines.map { String($0.drop { $0 == " " }) })
    }

    @Test("whatever the deals, the bits are those of one rank")
    func bits() throws {
        let one = try train(1, "-")
        #expect(one.count == 1 && one.first?.hasSuffix("deals left 0") == true)
        #expect(try train(2, "7-1,1-7,5-3") == one)
        #expect(try train(3, "1-6-1,4-3-1,2-3-3") == one)
        #expect(try train(4, "5-1-1-1,1-1-5-1,2-2-2-2") == one)
        // Host by host, ranks of which alternate.
        let result = try spawnMpirun(
            ranks: 4, "RankProgram", arguments: ["dealtTraining", "5-1-1-1,1-1-5-1,2-2-2-2"] + Self.recipe,
            environment: ["STEADFAST_TEST_HOSTS": "0,1,0,1"]
        ).wait(timeout: 120)
        #expect(Set(result.lines.map { String($0.drop { $0 == " " }) }) == one, "\(result.errors)")
        // Measured deals, as they come.
        #expect(try train(2, "-", "balance=on") == one)
    }

    @Test("a deal by measured speed, only where it is worth while and all is measured")
    func decision() {
        let equal = LaneAssignment(lanes: 12, ranks: 2)
        func throughput(_ images: Int, _ seconds: Double) -> RankThroughput {
            RankThroughput(images: images, steps: 10, seconds: seconds)
        }
        let better = LaneBalancer.better(than: equal, for: [throughput(600, 1), throughput(600, 2)])
        #expect(better?.counts == [8, 4])
        // The same speeds, measured with the better deal, change nothing more.
        #expect(
            LaneBalancer.better(
                than: LaneAssignment(counts: [8, 4]), for: [throughput(800, 1.33), throughput(400, 1.33)])
                == nil)
        #expect(LaneBalancer.better(than: equal, for: [throughput(600, 1), throughput(600, 1.05)]) == nil)
        #expect(LaneBalancer.better(than: equal, for: [throughput(600, 1), throughput(0, 0)]) == nil)
        #expect(LaneBalancer.better(than: LaneAssignment(lanes: 12, ranks: 1), for: [throughput(600, 1)]) == nil)
    }

    @Test("a straggler is named with its host, and how much slower it is")
    func straggler() throws {
        func sentence(_ seconds: [Double], balances: Bool = false) -> String? {
            Straggler.sentence(
                seconds.map { RankThroughput(images: 100, steps: 10, seconds: $0) },
                hosts: seconds.indices.map { "node\($0)" }, balances: balances)
        }
        let named = try #require(sentence([1, 1.1, 2.2, 1]))
        #expect(named.contains("rank 2 on node2") && named.contains("2.20 times") && named.contains("balance: on"))
        #expect(sentence([1, 1.1]) == nil && sentence([1]) == nil)
        #expect(sentence([1, 2], balances: true)?.contains("balance: on") == false)
    }

    @Test("a pause makes no straggler, whichever step it is in; a rank that is always slow stays one")
    func pause() throws {
        func sentence(_ steps: [[Double]]) -> String? {
            let throughputs = steps.map { seconds in
                seconds.reduce(into: RankThroughput()) { $0.add(images: 12, seconds: $1) }
            }
            return Straggler.sentence(throughputs, hosts: ["a", "b"], balances: true)
        }
        let even = Array(repeating: 0.003, count: 40)
        for place in [0, 1, 20, 39] {
            var paused = even
            paused[place] = 20
            #expect(sentence([even, paused]) == nil && sentence([paused, even]) == nil, "step \(place)")
        }
        #expect(sentence([even, even.map { 2 * $0 }])?.contains("rank 1 on b computes 2.00 times") == true)
        #expect(sentence([even, even.map { 4000 * $0 }]) != nil)
    }

    @Test("metrics.jsonl tells each rank's lanes and times; balance may change on resume")
    func record() throws {
        try withTemporaryDirectory { folder in
            let recipe = Self.recipe.prefix(1) + Self.recipe.dropFirst().flatMap { ["--set", $0] }
            let first = try TrainingTests.train(
                Array(recipe) + ["--set", "max_steps=15"], ranks: 2, run: folder + "/run")
            #expect(first.status == 0, "\(first.errors)")
            let second = try TrainingTests.train(
                Array(recipe) + ["--set", "balance=on"], ranks: 3, run: folder + "/run", "--resume")
            #expect(second.status == 0, "\(second.errors)")
            let epochs = try metrics(ofRun: folder + "/run").filter { $0["event"] as? String == "epoch" }
            for epoch in epochs {
                let lanes = try #require(epoch["rank_lanes"] as? [Int])
                #expect(lanes.reduce(0, +) == 8 && [2, 3].contains(lanes.count))
                #expect((epoch["rank_step_seconds"] as? [Any])?.count == lanes.count)
                #expect((epoch["rank_image_seconds"] as? [Any])?.count == lanes.count)
            }
        }
    }
}
