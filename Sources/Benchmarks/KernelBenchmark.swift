import Essentials
import Kernels
import Networks
import Training

/// Times each layer's kernels by themselves on one lane of images, beside OpenBLAS's product of the same shape: what a
/// convolution by patches could reach if the patches cost nothing.
public struct KernelBenchmark {
    private let subject: BenchmarkSubject
    private let seconds: Double

    /// Prepares to time all layers for about `seconds` in all, half of them for OpenBLAS's products.
    public init(_ subject: BenchmarkSubject, seconds: Double) {
        self.subject = subject
        self.seconds = seconds
    }

    /// Runs it. Local.
    ///
    /// - Throws: `Failure` 66 where there is no data set, 65 where its header is wrong, 69 where the images of a lane
    ///   do not fit into memory.
    public func run() throws -> BenchmarkReport {
        BLAS.useOneThread()
        let plan = try subject.plan()
        let images = (subject.batch + subject.recipe.lanes - 1) / subject.recipe.lanes
        try requireMemory(plan, images: images)
        let peak = PeakRate.measure()
        var report = BenchmarkReport()
        report.lines = [
            "kernels of \(subject.name), \(images) images at a time, \(BLAS.kernel), peak of a core "
                + "\(fixed(peak, 1)) GFLOP/s"
        ]
        report.json.add("benchmark", "kernels")
        subject.describe(in: &report.json)
        report.json.add("images", images)
        report.json.add("peak_gflops", peak)
        var rows: [(name: String, cells: [String])] = []
        var objects: [JSONLine] = []
        for block in plan.blocks {
            guard let convolution = block.convolution else { continue }
            let kernels = LayerKernels(convolution, images: images)
            for kernel in LayerKernels.Kernel.allCases {
                let own = kernels.rate(seconds: seconds / Double(plan.blocks.count * 6)) { $0.run(kernel) }
                let product = kernels.rate(seconds: seconds / Double(plan.blocks.count * 6)) { $0.runProduct(kernel) }
                rows.append(
                    (
                        "\(block.name) \(kernel.rawValue)",
                        [
                            kernels.shape(kernel), fixed(own, 1), fixed(own / peak, 2), fixed(product, 1),
                            fixed(product / peak, 2),
                        ]
                    ))
                var object = JSONLine()
                object.add("layer", block.name)
                object.add("kernel", kernel.rawValue)
                object.add("gflops", own)
                object.add("openblas_gflops", product)
                objects.append(object)
            }
        }
        report.addTable(["kernel", "m x n x k", "GFLOP/s", "of peak", "OpenBLAS's product", "of peak"], rows)
        report.json.add("kernels", objects)
        return report
    }
}

extension KernelBenchmark {
    /// Refuses images whose layers would not fit: a layer's input and output, and once more while they are filled.
    private func requireMemory(_ plan: NetworkPlan, images: Int) throws {
        let largest = plan.blocks.compactMap(\.convolution).map { $0.input.count + $0.output.count }.max() ?? 0
        let (need, there) = (8 * Double(images) * Double(largest), HostMemory.available(sharedBy: 1))
        guard need > Double(there) else { return }
        throw Failure(
            .unavailable,
            "the kernels need \(fixed(need / 1e6, 0)) MB of memory for \(images) images, and there are "
                + "\(there / 1_000_000): lower --batch")
    }
}

/// A layer's kernels with memory to work on.
private struct LayerKernels {
    enum Kernel: String, CaseIterable {
        case forward
        case weightGradient = "weight gradient"
        case inputGradient = "input gradient"
    }

    let geometry: Convolution
    let images: Int
    private let input, output, weight, packed, patches: Buffer<Float>

    init(_ geometry: Convolution, images: Int) {
        self.geometry = geometry
        self.images = images
        func filled(_ count: Int) -> Buffer<Float> {
            Buffer((0..<count).map { Float($0 &* 7919 % 1009) / 1009 - 0.5 })
        }
        input = filled(images * geometry.input.count)
        output = filled(images * geometry.output.count)
        weight = filled(geometry.weightCount)
        packed = filled(geometry.packedCount(backward: true))
        patches = filled(max(geometry.scratchCount, geometry.output.area * geometry.patchCount))
    }

    /// GFLOP/s, the median over the calls.
    func rate(seconds: Double, _ body: (Self) -> Void) -> Double {
        body(self)
        return 2 * Double(geometry.multiplyAdds * images) / median(timeCalls(seconds: seconds) { body(self) }) * 1e-9
    }

    func run(_ kernel: Kernel) {
        switch kernel {
        case .forward:
            convolution(
                output.pointer, input.pointer, weight.pointer, packed: packed.pointer, geometry, images: images,
                scratch: patches.pointer)
        case .weightGradient:
            convolutionWeightGradient(
                weight.pointer, input.pointer, output.pointer, geometry, images: images, scratch: patches.pointer)
        case .inputGradient:
            convolutionInputGradient(
                input.pointer, output.pointer, weight.pointer, packed: packed.pointer, geometry, images: images,
                scratch: patches.pointer)
        }
    }

    /// The product alone, on patches that are there: one for each image, or one for all of a fully connected layer.
    func runProduct(_ kernel: Kernel) {
        let (k, n) = (geometry.patchCount, geometry.filters)
        let together = geometry.isFullyConnected
        let rows = together ? images : geometry.output.area
        for image in 0..<(together ? 1 : images) {
            let x = Matrix(together ? input.pointer : patches.pointer, stride: k)
            let y = output.pointer + image * geometry.output.count
            switch kernel {
            case .forward:
                gemm(rows, n, k, x, Matrix(weight.pointer, stride: n), y, stride: n)
            case .weightGradient:
                gemm(
                    k, n, rows, Matrix(together ? input.pointer : patches.pointer, stride: k, transposed: true),
                    Matrix(y, stride: n), adding: true, weight.pointer, stride: n)
            case .inputGradient:
                gemm(
                    rows, k, n, Matrix(y, stride: n), Matrix(weight.pointer, stride: n, transposed: true),
                    together ? input.pointer : patches.pointer, stride: k)
            }
        }
    }

    func shape(_ kernel: Kernel) -> String {
        let (k, n) = (geometry.patchCount, geometry.filters)
        let rows = geometry.isFullyConnected ? images : geometry.output.area
        return switch kernel {
        case .forward: "\(rows)x\(n)x\(k)"
        case .weightGradient: "\(k)x\(n)x\(rows)"
        case .inputGradient: "\(rows)x\(k)x\(n)"
        }
    }
}
