import Foundation
import TestSupport
import Testing

@Suite("Images that the ranks of a host share", .underMPIRun, .serialized)
struct DataSharingTests {
    /// 500 images of 784 bytes are shared, 11,500 validate.
    private static let recipe = BalanceTests.recipe + ["data_sharing=node"]

    private func runCase(_ name: String, _ ranks: Int, _ deals: String, _ more: String...) throws -> [String] {
        let result = try spawnMpirun(
            ranks: ranks, "RankProgram", arguments: [name, deals] + Self.recipe + more
        ).wait(timeout: 120)
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.lines.count == ranks)
        return result.lines.map { String($0.drop { $0 == " " }) }
    }

    @Test("give the bits of one rank that holds its own, whatever the ranks and deals")
    func bits() throws {
        let one = Set(try runCase("dealtTraining", 1, "-", "data_sharing=lanes"))
        #expect(one.count == 1 && one.first?.hasSuffix("deals left 0") == true)
        for (ranks, deals) in [
            (1, "-"), (2, "-"), (3, "-"), (4, "-"), (2, "7-1,1-7,5-3"), (3, "1-6-1,4-3-1,2-3-3"),
            (4, "5-1-1-1,1-1-5-1,2-2-2-2"),
        ] {
            #expect(Set(try runCase("dealtTraining", ranks, deals)) == one, "\(ranks) ranks, deals \(deals)")
        }
        #expect(Set(try runCase("dealtTraining", 2, "-", "balance=on")) == one)
    }

    @Test("lie in one copy, after deals too", arguments: [(1, "-"), (4, "-"), (4, "5-1-1-1,1-1-5-1,2-2-2-2")])
    func oneCopy(ranks: Int, deals: String) throws {
        func shared(_ more: String...) throws -> Int {
            try runCase("sharedImages", ranks, deals, more.first ?? "data_sharing=node")
                .compactMap { $0.split(separator: " ").last.flatMap { Int($0) } }.reduce(0, +)
        }
        // 96 pages of 4 kB; each rank's share is rounded down.
        #expect((384 - ranks...384).contains(try shared()))
        #expect(try shared("data_sharing=lanes") == 0)
    }

    @Test("may be chosen, and left again, when a run is resumed")
    func resume() throws {
        try withTemporaryDirectory { folder in
            let recipe = BalanceTests.recipe.prefix(1) + BalanceTests.recipe.dropFirst().flatMap { ["--set", $0] }
            let whole = try train(Array(recipe), ranks: 1, run: folder + "/whole")
            #expect(whole.status == 0, "\(whole.errors)")
            for (steps, ranks, sharing) in [(7, 2, "lanes"), (19, 3, "node"), (30, 4, "lanes"), (44, 2, "node")] {
                let part = try train(
                    recipe + ["--set", "max_steps=\(steps)", "--set", "data_sharing=\(sharing)"], ranks: ranks,
                    run: folder + "/parts", steps > 7 ? "--resume" : "--quiet")
                #expect(part.status == 0, "\(part.errors)")
                #expect(steps == 7 || part.output.contains("one copy of the images") == (sharing == "node"))
            }
            #expect(try digest(ofRun: folder + "/parts") == digest(ofRun: folder + "/whole"))
            // The parts are validated where they end, too.
            let errors = try ["whole", "parts"].map {
                try metrics(ofRun: "\(folder)/\($0)").reduce(into: [Int: Double]()) { errors, event in
                    guard let step = event["step"] as? Int, let error = event["validation_error"] as? Double else {
                        return
                    }
                    errors[step] = error
                }
            }
            #expect(errors[0].count == 4 && errors[0].allSatisfy { errors[1][$0.key] == $0.value })
        }
    }

    @Test(
        "are refused where the ranks were told different things",
        arguments: ["data_sharing=node", "max_steps=3", "overlap=off"])
    func different(setting: String) throws {
        try withTemporaryDirectory { folder in
            let words = ["train", "glyphs-plain", "--run", folder + "/run", "--set", "max_steps=2"]
            let result = try spawnMpirun(
                ranks: 2, "steadfast",
                arguments: words + [":", "-n", "1", try builtProgram("steadfast")] + words + ["--set", setting]
            ).wait(timeout: 60)
            #expect(result.status == 64)
            let key = setting.prefix { $0 != "=" }
            #expect(result.errors.contains("the ranks differ in \(key): rank 0 on "), "\(result.errors)")
        }
    }
}
