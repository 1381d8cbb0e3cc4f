/// The combination whose figure counts (the AutoAttack protocol, Croce & Hein 2020): APGD-CE, APGD-T, FAB-T and Square
/// in turn, each on the samples that withstood those before.
enum StandardAttack {
    static let entry = AttackEntry("standard", .suite, make: make)

    private static func make(_ specification: AttackSpecification, _ context: AttackContext) throws -> AttackSuite {
        try specification.allow(AttackSpecification.threatParameters + ["queries"])
        let threat = try specification.threat()
        let target = context.target
        let queries = try specification.integer("queries", 1...100_000_000, default: 5000)
        return AttackSuite(
            [
                (
                    "apgd-ce",
                    AutoProjectedGradientDescent(target, name: "apgd-ce", .init(threat: threat))
                ),
                (
                    "apgd-t",
                    AutoProjectedGradientDescent(
                        target, name: "apgd-t",
                        .init(threat: threat, objective: .targetedDifferenceOfLogitsRatio))
                ),
                ("fab-t", FastAdaptiveBoundary(target, .init(threat: threat))),
                ("square", SquareAttack(target, .init(threat: threat, queries: queries))),
            ], sparesTheBroken: true)
    }
}
