/// An elementwise activation function of the catalogue, with its parameters.
///
/// Its text is its name, `mrelu`, and where a parameter differs from its default all parameters behind it:
/// `leaky_relu:slope=0.2`.
public struct Activation: RawRepresentable, Codable, Hashable, Sendable, CaseIterable, CustomStringConvertible {
    /// The text that recipes and checkpoints hold.
    public let rawValue: String
    /// The formulas.
    let function: any ActivationFunction

    /// All functions, in the order in which they are listed. A new one is a file beside this one and a line here.
    private static let catalogue: [any ActivationFunction] = [
        Identity(), ReLU(), Sigmoid(), RBF(), MReLU(), LeakyReLU(), SiLU(), HardSwish(), Tanh(), Clip(),
    ]

    /// All functions, with the default values of their parameters.
    public static let allCases = catalogue.map { Activation($0) }

    init(_ function: some ActivationFunction) {
        let name = type(of: function).name
        let values = function.parameters.map { ":\($0.name)=\(Self.decimal($0.value))" }
        let defaults = Self.catalogue.first { type(of: $0).name == name }?.parameters.map(\.value)
        rawValue = function.parameters.map(\.value) == defaults ? name : name + values.joined()
        self.function = function
    }

    /// Reads a name, or a name with parameters in any order: `clip:low=-1:high=1`.
    ///
    /// - Returns: nil where there is no such function or parameter, or where it does not take that value.
    public init?(rawValue: String) {
        let parts = rawValue.split(separator: ":", omittingEmptySubsequences: false)
        guard let name = parts.first, let function = Self.catalogue.first(where: { type(of: $0).name == name })
        else { return nil }
        var values = function.parameters.map(\.value)
        var named = Set<Int>()
        for part in parts.dropFirst() {
            let pair = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard pair.count == 2, let value = Float(pair[1]), !value.isNaN,
                let index = function.parameters.firstIndex(where: { $0.name == pair[0] }), named.insert(index).inserted
            else { return nil }
            values[index] = value
        }
        guard let function = function.with(values) else { return nil }
        self.init(function)
    }

    /// True where it is a symmetric activation function (SAF, section 3 of the paper), which suppresses signals of
    /// unusual size in both directions.
    public var isSymmetric: Bool { function.isSymmetric }

    /// The elementary operations that make it up, in order: its form in the formats of other programs.
    public var operations: [ElementaryOperation] { function.operations }

    /// The text.
    public var description: String { rawValue }

    /// Equal where the texts are.
    public static func == (one: Activation, other: Activation) -> Bool { one.rawValue == other.rawValue }

    /// Hashes the text.
    public func hash(into hasher: inout Hasher) { hasher.combine(rawValue) }

    private static func decimal(_ value: Float) -> String {
        let text = "\(value)"
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }
}
