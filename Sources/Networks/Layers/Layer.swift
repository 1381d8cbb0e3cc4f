import Essentials
import Kernels

/// A layer, as a person writes it: its own settings, without the sizes that follow from the layers before it.
public enum Layer: Hashable, Sendable {
    /// A convolution with bias.
    case convolution(ConvolutionLayer)
    /// A convolution whose kernel covers its whole input.
    case fullyConnected(FullyConnectedLayer)
    /// Batch normalization of each channel, directly after a convolution.
    case batchNormalization
    /// An elementwise function.
    case activation(Activation)
    /// Maximum or average pooling.
    case pooling(PoolingLayer)
}

/// The settings of a convolution.
public struct ConvolutionLayer: Codable, Hashable, Sendable {
    /// The number of output channels.
    public var channels: Int
    /// Rows and columns of the kernel.
    public var size: Int
    /// Zeros on each side.
    public var padding: Int
    /// The step between output positions.
    public var stride: Int
    /// The standard deviation of the initial weights, N(0, deviation^2); biases start at 0.
    public var deviation: Double

    /// Makes the settings.
    public init(channels: Int, size: Int, padding: Int = 0, stride: Int = 1, deviation: Double = 0.01) {
        self.channels = channels
        self.size = size
        self.padding = padding
        self.stride = stride
        self.deviation = deviation
    }

    enum CodingKeys: String, CodingKey, CaseIterable { case channels, size, padding, stride, deviation }

    /// Reads the settings; `padding`, `stride` and `deviation` may be left out.
    public init(from decoder: any Decoder) throws {
        try decoder.checkKeys(CodingKeys.self, of: "setting")
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            channels: try values.decode(Int.self, forKey: .channels), size: try values.decode(Int.self, forKey: .size),
            padding: try values.decodeIfPresent(Int.self, forKey: .padding) ?? 0,
            stride: try values.decodeIfPresent(Int.self, forKey: .stride) ?? 1,
            deviation: try values.decodeIfPresent(Double.self, forKey: .deviation) ?? 0.01)
    }
}

/// The settings of a fully connected layer.
public struct FullyConnectedLayer: Codable, Hashable, Sendable {
    /// The number of outputs.
    public var channels: Int
    /// The standard deviation of the initial weights, N(0, deviation^2); biases start at 0.
    public var deviation: Double

    /// Makes the settings.
    public init(channels: Int, deviation: Double = 0.01) {
        self.channels = channels
        self.deviation = deviation
    }

    enum CodingKeys: String, CodingKey, CaseIterable { case channels, deviation }

    /// Reads the settings; `deviation` may be left out.
    public init(from decoder: any Decoder) throws {
        try decoder.checkKeys(CodingKeys.self, of: "setting")
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            channels: try values.decode(Int.self, forKey: .channels),
            deviation: try values.decodeIfPresent(Double.self, forKey: .deviation) ?? 0.01)
    }
}

/// The settings of a pooling layer.
public struct PoolingLayer: Codable, Hashable, Sendable {
    /// Maximum or average.
    public var kind: Pooling.Kind
    /// Rows and columns of the window.
    public var size: Int
    /// The step between windows.
    public var stride: Int
    /// Rows added at the bottom and columns at the right.
    public var padding: Int

    /// Makes the settings.
    public init(_ kind: Pooling.Kind, size: Int, stride: Int, padding: Int = 0) {
        self.kind = kind
        self.size = size
        self.stride = stride
        self.padding = padding
    }

    enum CodingKeys: String, CodingKey, CaseIterable { case kind, size, stride, padding }

    /// Reads the settings; `stride` defaults to the size, `padding` to 0.
    public init(from decoder: any Decoder) throws {
        try decoder.checkKeys(CodingKeys.self, of: "setting")
        let values = try decoder.container(keyedBy: CodingKeys.self)
        let size = try values.decode(Int.self, forKey: .size)
        self.init(
            try values.decode(Pooling.Kind.self, forKey: .kind), size: size,
            stride: try values.decodeIfPresent(Int.self, forKey: .stride) ?? size,
            padding: try values.decodeIfPresent(Int.self, forKey: .padding) ?? 0)
    }
}

/// A layer is written as a mapping of one key, its kind, to its settings: `convolution: {channels: 20, size: 5}`,
/// `fully_connected: {channels: 500}`, `activation: relu`, `pooling: {kind: max, size: 2}`; or as the bare word
/// `batch_normalization`.
extension Layer: Codable {
    enum CodingKeys: String, CodingKey, CaseIterable {
        case convolution
        case fullyConnected = "fully_connected"
        case batchNormalization = "batch_normalization"
        case activation
        case pooling
    }

    /// Reads a layer.
    public init(from decoder: any Decoder) throws {
        let kinds = CodingKeys.allCases.map(\.rawValue)
        if let word = try? decoder.singleValueContainer().decode(String.self) {
            guard word == CodingKeys.batchNormalization.rawValue else {
                throw decoder.fault(unknownName("layer", word, among: kinds))
            }
            self = .batchNormalization
            return
        }
        try decoder.checkKeys(CodingKeys.self, of: "layer")
        let values = try decoder.container(keyedBy: CodingKeys.self)
        guard let kind = values.allKeys.first, values.allKeys.count == 1 else {
            throw decoder.fault("a layer has one key of \(kinds.joined(separator: ", "))")
        }
        switch kind {
        case .convolution: self = .convolution(try values.decode(ConvolutionLayer.self, forKey: kind))
        case .fullyConnected: self = .fullyConnected(try values.decode(FullyConnectedLayer.self, forKey: kind))
        case .batchNormalization: self = .batchNormalization
        case .activation: self = .activation(try values.decode(Activation.self, forKey: kind))
        case .pooling: self = .pooling(try values.decode(PoolingLayer.self, forKey: kind))
        }
    }

    /// Writes a layer.
    public func encode(to encoder: any Encoder) throws {
        if case .batchNormalization = self {
            var value = encoder.singleValueContainer()
            try value.encode(CodingKeys.batchNormalization.rawValue)
            return
        }
        var values = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .convolution(let layer): try values.encode(layer, forKey: .convolution)
        case .fullyConnected(let layer): try values.encode(layer, forKey: .fullyConnected)
        case .batchNormalization: break
        case .activation(let activation): try values.encode(activation, forKey: .activation)
        case .pooling(let layer): try values.encode(layer, forKey: .pooling)
        }
    }
}

/// Any key of a mapping.
private struct AnyKey: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
}

extension Decoder {
    /// Refuses a mapping with a key that is not among `Keys`, which a decoder would pass over.
    fileprivate func checkKeys<Keys: CodingKey & CaseIterable>(_: Keys.Type, of kind: String) throws {
        let names = Keys.allCases.map(\.stringValue)
        for key in try container(keyedBy: AnyKey.self).allKeys where !names.contains(key.stringValue) {
            throw fault(unknownName(kind, key.stringValue, among: names))
        }
    }

    fileprivate func fault(_ sentence: String) -> DecodingError {
        .dataCorrupted(.init(codingPath: codingPath, debugDescription: sentence))
    }
}
