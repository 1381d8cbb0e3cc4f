import Essentials

/// All attacks by name. Adding one is one file and one line here.
public enum AttackCatalogue {
    private typealias Maker = (AttackSpecification, Victim) throws -> any Attack

    private static var makers: [String: Maker] {
        var makers: [String: Maker] = [
            "clean": { specification, victim in
                try specification.allow([])
                return CleanSamples(victim)
            },
            "fgs-lmax": { specification, victim in
                try specification.allow(["gradient-mode"])
                return FastGradientSignAttack(
                    victim, mode: try specification.choice("gradient-mode", GradientMode.self))
            },
            "nonsense": { specification, victim in
                try specification.allow(["gradient-mode"])
                return NonsenseSamples(victim, mode: try specification.choice("gradient-mode", GradientMode.self))
            },
        ]
        for kind in NoiseKind.allCases {
            makers[kind.rawValue] = { specification, victim in
                try specification.allow([])
                return NoiseAttack(victim, kind)
            }
        }
        return makers
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
    public static func attack(_ specification: AttackSpecification, on victim: Victim) throws -> any Attack {
        guard let maker = makers[specification.name] else {
            throw Failure(.usage, unknownName("attack", specification.name, among: names))
        }
        return try maker(specification, victim)
    }
}
