import Essentials

/// The networks that an attack is made from.
public struct AttackContext {
    /// The network under attack.
    public let target: TargetModel
    /// Other networks, by name, for attacks that are made on one network and judged by another.
    public let others: [(name: String, target: TargetModel)]

    /// Makes the context.
    public init(_ target: TargetModel, others: [(name: String, target: TargetModel)] = []) {
        self.target = target
        self.others = others
    }
}

/// All attacks by name. Adding one is one file and one line here.
public enum AttackCatalogue {
    /// The entries.
    public static let entries: [AttackEntry] =
        [
            CleanSamples.entry, FastGradientSignAttack.entry, FastGradientSignMethod.entry, StandardAttack.entry,
            FastAdaptiveBoundary.entry, SquareAttack.entry, SimultaneousPerturbation.entry, TransferAttack.entry,
            NonsenseSamples.entry, CorruptionAttack.entry,
        ] + ProjectedGradientDescent.entries + AutoProjectedGradientDescent.entries + NoiseAttack.entries

    private static let byName = Dictionary(uniqueKeysWithValues: entries.map { ($0.name, $0) })

    /// The names of all attacks.
    public static var names: [String] { byName.keys.sorted() }

    /// The entry of a name.
    public static func entry(_ name: String) -> AttackEntry? { byName[name] }

    /// Refuses a list with an attack that is malformed, unknown or named twice; its parameters are checked when it is
    /// made.
    public static func check(_ attacks: [String]) throws {
        guard !attacks.isEmpty else { return }
        for attack in try AttackSpecification.list(attacks.joined(separator: ",")) { _ = try known(attack) }
    }

    /// Makes the attack that a specification asks for.
    ///
    /// - Throws: `Failure` 64 naming the nearest known attack, parameter or value.
    public static func attack(_ specification: AttackSpecification, _ context: AttackContext) throws -> AttackSuite {
        try known(specification).make(specification, context)
    }

    private static func known(_ specification: AttackSpecification) throws -> AttackEntry {
        guard let entry = specification.entry else {
            throw Failure(.usage, unknownName("attack", specification.name, among: names))
        }
        return entry
    }
}
