import Essentials

/// What an attack is made from.
public struct AttackContext {
    /// The network under attack.
    public let victim: Victim
    /// Other networks, by name, for attacks that are made on one network and judged by another.
    public let others: [(name: String, victim: Victim)]

    /// Makes the context.
    public init(_ victim: Victim, others: [(name: String, victim: Victim)] = []) {
        self.victim = victim
        self.others = others
    }
}

/// All attacks by name. Adding one is one file and one line here.
public enum AttackCatalogue {
    typealias Maker = @Sendable (AttackSpecification, AttackContext) throws -> AttackSuite

    private static let makers: [String: Maker] = [
        "clean": { specification, context in
            try specification.allow([])
            return AttackSuite(CleanSamples(context.victim))
        },
        "fgs-lmax": single(FastGradientSignAttack.make),
        "fgsm": single(FastGradientSignMethod.make),
        "pgd": single(ProjectedGradientDescent.make),
        "pgd-l2": single(ProjectedGradientDescent.make),
        "apgd-ce": single(AutoProjectedGradientDescent.make),
        "apgd-dlr": single(AutoProjectedGradientDescent.make),
        "apgd-t": single(AutoProjectedGradientDescent.make),
        "fab-t": single(FastAdaptiveBoundary.make),
        "square": single(SquareAttack.make),
        "standard": StandardAttack.make,
        "spsa": single(SimultaneousPerturbation.make),
        "corruptions": CorruptionAttack.make,
        "transfer": TransferAttack.make,
        "nonsense": NonsenseSamples.make,
        "noise-gaussian": single(NoiseAttack.make),
        "noise-uniform": single(NoiseAttack.make),
        "noise-sign": single(NoiseAttack.make),
        "noise-salt-pepper": single(NoiseAttack.make),
    ]

    /// The maker of an attack without parts that looks at the victim alone.
    private static func single(_ make: @escaping @Sendable (AttackSpecification, Victim) throws -> any Attack) -> Maker
    {
        { AttackSuite(try make($0, $1.victim)) }
    }

    /// The names of all attacks.
    public static var names: [String] { makers.keys.sorted() }

    /// Refuses a list with an attack that is malformed, unknown or named twice; its parameters are checked when it is made.
    public static func check(_ attacks: [String]) throws {
        guard !attacks.isEmpty else { return }
        for attack in try AttackSpecification.list(attacks.joined(separator: ",")) where makers[attack.name] == nil {
            throw Failure(.usage, unknownName("attack", attack.name, among: names))
        }
    }

    /// Makes the attack that a specification asks for.
    ///
    /// - Throws: `Failure` 64 naming the nearest known attack, parameter or value.
    public static func attack(_ specification: AttackSpecification, _ context: AttackContext) throws -> AttackSuite {
        guard let maker = makers[specification.name] else {
            throw Failure(.usage, unknownName("attack", specification.name, among: names))
        }
        return try maker(specification, context)
    }
}
