import TestSupport
import Testing

@Suite("Invariant 6: after the first step a training step allocates nothing", .underMPIRun, .serialized)
struct AllocationTests {
    /// Recipes that one job trains by in turn. What is made once in a process is made by the steps before those that
    /// are counted, so that no case hides another's allocations.
    private static let recipes = [
        ["glyphs-mrelu-r-m"], ["glyphs-mrelu-r-m", "overlap=on"], ["glyphs-plain", "reduction=fast"],
        ["glyphs-plain", "mirroring=image", "accumulation=2", "batch=48"],
        ["glyphs-plain", "adversarial_training={method: pgd, steps: 2, strength: 0.1}"],
        ["glyphs-plain", "adversarial_training={method: trades, steps: 2, strength: 0.1}"],
        ["glyphs-mrelu-r-m", "adversarial_training={method: fgs, strength: 0.1}"],
        ["glyphs-plain", "network.architecture=lenet"],
        ["glyphs-plain", "network.architecture=resnet", "network.depth=8", "network.width=6"],
    ]

    @Test("with drawn samples, batch norm and every reduction; with attack steps", arguments: [1, 2, 3])
    func training(ranks: Int) throws {
        _ = try runCases(
            ranks, Self.recipes.map { ["trainingAllocations", $0[0], "batch=24"] + $0.dropFirst() })
    }

    @Test("with gathers in rounds, of many ranks that share no memory")
    func rounds() throws {
        let result = try spawnMpirun(
            ranks: 9, "RankProgram",
            arguments: ["trainingAllocations", "glyphs-mrelu-r-m", "batch=27", "lanes=9", "overlap=on"],
            environment: ["STEADFAST_SHARED_MEMORY": "off"]
        ).wait(timeout: 120)
        #expect(result.status == 0, "\(result.errors)")
    }

    @Test("the counter counts")
    func counter() throws {
        let result = try spawn("RankProgram", arguments: ["countedAllocation"]).wait(timeout: 60)
        #expect(result.status == 0, "\(result.errors)")
    }
}
