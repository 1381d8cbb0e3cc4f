import Kernels

/// Where each parameter of a network lies in one flat buffer of floats. Gradients and momenta have the same layout.
///
/// Weights lie HWIO (see `Convolution`) in memory and are OIHW as tensors, in files and to people.
public struct ParameterLayout: Sendable {
    /// The kinds of parameters.
    public enum Kind: String, Sendable { case weight, bias, gamma, beta }

    /// One parameter.
    public struct Entry: Sendable {
        /// `conv1/weight`, `norm1/gamma`, ...
        public let name: String
        /// Its kind.
        public let kind: Kind
        /// The index of its block.
        public let block: Int
        /// Where it begins in the flat buffer, a multiple of 16.
        public let offset: Int
        /// Its shape as a tensor: OIHW for a weight, one dimension for the others.
        public let shape: [Int]

        /// The number of elements.
        public var count: Int { shape.reduce(1, *) }
    }

    /// Running moments of batch norm, `running_mean` and `running_variance` of one layer.
    public struct Moments: Sendable {
        /// `norm1`, ...
        public let name: String
        /// The index of its block.
        public let block: Int
        /// The mean begins here in the flat buffer of moments, the variance `channels` later.
        public let offset: Int
        /// The number of channels.
        public let channels: Int
    }

    /// All parameters: for each block weight and bias of its convolution, gamma and beta of its batch norm, where it
    /// has them.
    public let entries: [Entry]
    /// The length of the flat buffer.
    public let count: Int
    /// All running moments.
    public let moments: [Moments]
    /// The length of the flat buffer of moments.
    public let momentCount: Int

    /// Lays out a network's parameters.
    public init(_ plan: NetworkPlan) {
        var entries: [Entry] = []
        var moments: [Moments] = []
        var offset = 0
        var momentOffset = 0
        for (index, block) in plan.blocks.enumerated() {
            let channels = block.sourceShape.channels
            func add(_ layer: String, _ kind: Kind, _ shape: [Int]) {
                let entry = Entry(
                    name: "\(layer)/\(kind.rawValue)", kind: kind, block: index, offset: offset, shape: shape)
                entries.append(entry)
                offset += (entry.count + 15) / 16 * 16
            }
            if let c = block.convolution {
                add(block.name, .weight, [c.filters, c.groupChannels, c.kernelHeight, c.kernelWidth])
            }
            if block.hasBias { add(block.name, .bias, [channels]) }
            if let normalization = block.normalization {
                add(normalization, .gamma, [channels])
                add(normalization, .beta, [channels])
                moments.append(Moments(name: normalization, block: index, offset: momentOffset, channels: channels))
                momentOffset += 2 * channels
            }
        }
        self.entries = entries
        self.moments = moments
        count = offset
        momentCount = momentOffset
    }

    /// The entry of a block's parameter; nil where the block has no such parameter.
    public func entry(_ kind: Kind, ofBlock block: Int) -> Entry? {
        entries.first { $0.block == block && $0.kind == kind }
    }
}

extension ParameterLayout.Entry {
    /// The parameter as a tensor of `shape`, from a flat buffer.
    public func tensor(from buffer: UnsafePointer<Float>) -> [Float] {
        var tensor = [Float](repeating: 0, count: count)
        forEachElement { inTensor, inMemory in tensor[inTensor] = buffer[inMemory] }
        return tensor
    }

    /// Writes a tensor of `shape` into a flat buffer.
    public func write(_ tensor: [Float], to buffer: UnsafeMutablePointer<Float>) {
        precondition(tensor.count == count, "\(name) has \(count) elements, not \(tensor.count)")
        forEachElement { inTensor, inMemory in buffer[inMemory] = tensor[inTensor] }
    }

    /// Calls `body(index in the tensor, index in the flat buffer)` for each element.
    private func forEachElement(_ body: (Int, Int) -> Void) {
        guard kind == .weight else {
            for i in 0..<count { body(i, offset + i) }
            return
        }
        let (filters, channels, height, width) = (shape[0], shape[1], shape[2], shape[3])
        for o in 0..<filters {
            for c in 0..<channels {
                for y in 0..<height {
                    for x in 0..<width {
                        body(
                            ((o * channels + c) * height + y) * width + x,
                            offset + ((y * width + x) * channels + c) * filters + o)
                    }
                }
            }
        }
    }
}
