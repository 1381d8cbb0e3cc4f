import Kernels
import Lanes
import Networks
import Recipes
import Testing
import Training

@Suite("Gradients that travel together: a rule of sizes and hosts alone")
struct GradientBucketTests {
    /// The blocks of the buckets of fully connected layers from each of these widths to the next.
    private func buckets(
        widths: [Int], batch: Int = 1 << 20, hosts: Int, mode: ReductionMode = .exact
    ) throws -> [[Int]] {
        let layers = widths.dropFirst().map { Layer.fullyConnected(.init(channels: $0)) }
        let network = Network(
            input: ImageShape(height: 1, width: 1, channels: widths[0]), classes: 2, layers: layers)
        return GradientBucket.buckets(
            try NetworkPlan(network), batch: batch, lanes: 8, hosts: hosts, mode: mode
        ).map(\.blocks)
    }

    @Test("blocks from the last on, until a host's message has 16 KiB")
    func limit() throws {
        #expect(GradientBucket.bytesOfMessage == 16_384)
        // 256 bytes, 16 KiB, 16 KiB: between two hosts 32 KiB are a bucket.
        #expect(try buckets(widths: [1, 64, 64, 64], hosts: 2) == [[2, 1], [0]])
        // 512 bytes, 16 KiB, 256 bytes less than it: with the first block too they are 32 KiB and 256 bytes.
        #expect(try buckets(widths: [2, 64, 64, 63], hosts: 2) == [[2, 1, 0]])
        #expect(try buckets(widths: [1, 64, 64, 64], hosts: 3) == [[2, 1, 0]])
        // A block that is enough by itself.
        #expect(try buckets(widths: [1, 64, 128, 64], hosts: 2) == [[2], [1], [0]])
        #expect(try buckets(widths: [1, 64, 128, 64], hosts: 4) == [[2, 1], [0]])
        // Of one element, and one block alone.
        #expect(try buckets(widths: [1, 1, 2], hosts: 2) == [[1, 0]])
        #expect(try buckets(widths: [1, 2], hosts: 64) == [[0]])
    }

    @Test("each block by itself on one host, and by MPI's own sum")
    func single() throws {
        #expect(try buckets(widths: [1, 64, 64, 64], hosts: 1) == [[2], [1], [0]])
        #expect(try buckets(widths: [1, 64, 64, 64], hosts: 64, mode: .fast) == [[2], [1], [0]])
    }

    @Test("past a layer whose gradient comes from its factors")
    func factors() throws {
        // 8 lanes' gradients of 256 x 256 numbers are more than the factors of 100 images; of the others they are less.
        #expect(try buckets(widths: [1, 256, 256, 2], batch: 100, hosts: 4) == [[1], [2, 0]])
    }

    @Test("CIFAR-10's network is one bucket between 64 hosts; between two, small layers go with the next large one")
    func photographs() throws {
        let network = try Recipe.load("cifar10-mrelu-r-m").network(
            input: ImageShape(height: 32, width: 32, channels: 3), classes: 10)
        let plan = try NetworkPlan(network)
        func names(hosts: Int) -> [[String]] {
            GradientBucket.buckets(plan, batch: 8192, lanes: 1024, hosts: hosts, mode: .exact).map {
                $0.blocks.map { plan.blocks[$0].name }
            }
        }
        #expect(names(hosts: 64) == [["fc2", "fc1", "conv3", "conv2", "conv1"]])
        #expect(names(hosts: 2) == [["fc2", "fc1"], ["conv3"], ["conv2"], ["conv1"]])
    }
}
