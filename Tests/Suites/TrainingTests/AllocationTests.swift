import TestSupport
import Testing

@Suite("Invariant 6: after the first step a training step allocates nothing", .underMPIRun, .serialized)
struct AllocationTests {
    @Test(
        "with drawn samples, batch norm and every reduction; with attack steps",
        arguments: [
            ["glyphs-mrelu-r-m"], ["glyphs-mrelu-r-m", "overlap=on"], ["glyphs-plain", "reduction=fast"],
            ["glyphs-plain", "mirroring=image", "accumulation=2", "batch=48"],
            ["glyphs-plain", "adversarial_training={method: pgd, steps: 2, strength: 0.1}"],
            ["glyphs-plain", "adversarial_training={method: trades, steps: 2, strength: 0.1}"],
            ["glyphs-mrelu-r-m", "adversarial_training={method: fgs, strength: 0.1}"],
            ["glyphs-plain", "network.architecture=lenet"],
            ["glyphs-plain", "network.architecture=resnet", "network.depth=8", "network.width=6"],
        ], [1, 2, 3])
    func training(recipe: [String], ranks: Int) throws {
        let result = try spawnMpirun(
            ranks: ranks, "RankProgram", arguments: ["trainingAllocations", recipe[0], "batch=24"] + recipe.dropFirst()
        ).wait(timeout: 60)
        #expect(result.status == 0, "\(result.errors)")
    }

    @Test("the counter counts")
    func counter() throws {
        let result = try spawn("RankProgram", arguments: ["countedAllocation"]).wait(timeout: 60)
        #expect(result.status == 0, "\(result.errors)")
    }
}
