import Essentials
import Recipes
import Testing
import Training

@Suite("The memory of a training, reckoned before it is taken")
struct MemoryTests {
    private func size(_ values: [String], ranks: Int = 1) throws -> MemorySize {
        let recipe = try Recipe.load("glyphs-mrelu-r-m", overrides: values)
        return try TrainingOutlook(recipe, ranks: ranks).memory(ranks: ranks)
    }

    @Test("adversarial training's images, an audit's lane, the lanes' sums and a batch's images are in it")
    func parts() throws {
        let plain = try size(["batch=200", "lanes=8"]).own
        let image = 4.0 * 28 * 28
        // The gradient of each image, and the image as it was; and as it is meanwhile, where some are spared.
        let attack = ["batch=200", "lanes=8", "adversarial_training.method=pgd", "adversarial_training.strength=0.1"]
        let all = try size(attack + ["adversarial_training.share=1"]).own
        #expect(all - plain >= 200 * 2 * image && all - plain < 200 * 2.1 * image)
        #expect(try size(attack + ["adversarial_training.share=0.5"]).own - all == 200 * image)
        // The batch's images, and a pass of a lane of 25.
        let audited = try size(["batch=200", "lanes=8", "audit=0.1"]).own
        #expect(audited - plain > 225 * image)
        #expect(try size(["batch=200", "lanes=64"]).own > plain)
        #expect(try size(["batch=400", "lanes=8"]).own - plain > 200 * image)
    }

    @Test("ranks of a host share the images where the recipe says so, and what each holds counts them whole")
    func shared() throws {
        let images = 12_000.0 * 28 * 28
        let values = ["data_sharing=node", "validation=0"]
        #expect(try size(values, ranks: 2).shared >= images)
        #expect(try size(values, ranks: 2).resident > size(values, ranks: 2).part(ofRanks: 2) + images / 3)
        let (one, two) = (try size(["validation=0"]), try size(["validation=0"], ranks: 2))
        #expect(one.own - two.own > 0.5 * images && two.shared < images)
    }
}
