/// The sort of an attack.
public enum AttackKind: String, CaseIterable, Sendable {
    /// The samples as they are.
    case clean
    /// Follows gradients of the target.
    case gradient
    /// Looks at the target's outputs alone.
    case blackBox
    /// Several attacks in turn.
    case suite
    /// Made on other networks.
    case transfer
    /// Random changes of an image.
    case noise
    /// Samples that show nothing, which a network should reject.
    case nonsense
    /// Changes as cameras, weather and pens make them.
    case corruption
}

/// The quantity that the strength of an attack is.
public enum StrengthUnit: Sendable {
    /// The largest change of an element.
    case linf
    /// The L2 norm of the change.
    case l2
    /// The standard deviation of noise.
    case deviation
    /// A share of elements.
    case share
    /// A severity of corruption, over 5.
    case severity

    /// True where 20 log10(1 / strength) is the peak signal-to-noise ratio of a change by the strength in every
    /// element.
    var givesPSNR: Bool { self == .linf || self == .deviation }
}

/// An attack in the catalogue: its name, what others have to know about it, and how it is made.
public struct AttackEntry: Sendable {
    typealias Maker = @Sendable (AttackSpecification, AttackContext) throws -> AttackSuite

    /// The name in lists of attacks.
    public let name: String
    /// The sort of attack.
    public let kind: AttackKind
    /// True where it stays in the range of pixels where no parameter says otherwise.
    public let isClipped: Bool
    /// Values of parameters that say the same as nothing: two texts that differ in these alone are one attack.
    public let defaults: [String: String]

    let make: Maker
    private let unit: @Sendable (AttackSpecification) -> StrengthUnit

    /// Describes an attack that may have parts and look at other networks; `unit` is that of the strength, given the
    /// parameters.
    init(
        _ name: String, _ kind: AttackKind, isClipped: Bool = true, defaults: [String: String] = [:],
        unit: @escaping @Sendable (AttackSpecification) -> StrengthUnit = { _ in .linf }, make: @escaping Maker
    ) {
        (self.name, self.kind, self.isClipped, self.defaults) = (name, kind, isClipped, defaults)
        (self.unit, self.make) = (unit, make)
    }

    /// Describes an attack without parts that looks at its target alone.
    init(
        _ name: String, _ kind: AttackKind, isClipped: Bool = true, defaults: [String: String] = [:],
        unit: StrengthUnit = .linf,
        single make: @escaping @Sendable (AttackSpecification, TargetModel) throws -> any Attack
    ) {
        self.init(name, kind, isClipped: isClipped, defaults: defaults, unit: { _ in unit }) {
            AttackSuite(try make($0, $1.target))
        }
    }

    /// True where the samples are images with a label that something wants to be misread within the range of pixels: an
    /// attack as the field evaluates robustness by. The paper's one step, noises, nonsense and corruptions are none.
    public var isAdversarial: Bool {
        isClipped && [.gradient, .blackBox, .suite, .transfer].contains(kind)
    }

    /// The quantity that the strength of an attack with these parameters is.
    func unit(_ specification: AttackSpecification) -> StrengthUnit { unit(specification) }
}

extension AttackSpecification {
    /// The catalogue's entry; nil for an unknown name.
    public var entry: AttackEntry? { AttackCatalogue.entry(name) }

    /// The attack of a row of `summary.csv`: that before `/PART` in rows of an attack's parts. Nil for what is none.
    public init?(ofRow text: String) {
        guard let own = try? AttackSpecification(String(text.prefix { $0 != "/" })) else { return nil }
        self = own
    }

    /// The text without the parameters that have their default value, and the others in the order of their names.
    public var canonical: String {
        let defaults = entry?.defaults ?? [:]
        return
            ([name]
            + parameters.filter { defaults[$0.key] != $0.value }.sorted { $0.key < $1.key }
            .map { "\($0.key)=\($0.value)" }).joined(separator: ":")
    }
}
