import Checkpoints
import Datasets
import Essentials
import Recipes
import Robustness
import Training

/// What the command line asks of an evaluation, checked.
struct EvaluationRequest {
    /// The attacks; nil for the plan of the network's recipe.
    private let attacks: [AttackSpecification]?
    /// The strengths; nil for the recipe's, then the data set's.
    let strengths: [Double]?
    private let split: Split
    private let command: EvaluateCommand

    /// Reads the options.
    ///
    /// - Throws: `Failure` 64 for one that is wrong whatever the network is.
    init(_ command: EvaluateCommand) throws {
        self.command = command
        attacks = try command.attacking.attacks.map(AttackSpecification.list)
        try AttackCatalogue.check(attacks?.map(\.verbatim) ?? [])
        strengths = try command.attacking.strengths.map(AttackSpecification.strengths)
        try command.importOptions.check(command.checkpoints, command.choice)
        guard command.attacking.samples ?? 1 >= 1 else { throw Failure(.usage, "--samples has to be at least 1") }
        guard command.every >= 1 else { throw Failure(.usage, "--every has to be at least 1") }
        guard let split = Split(rawValue: command.split) else {
            throw Failure(.usage, unknownName("split", command.split, among: Split.allCases.map(\.rawValue)))
        }
        self.split = split
    }

    /// The evaluation of a network: as asked for, and as its recipe plans where the command line says nothing.
    ///
    /// - Throws: `Failure` 64 where neither says the attacks, 65 where the recipe is none.
    func settings(for header: CheckpointHeader) throws -> EvaluationSettings {
        // Nil for a network of another program.
        let recipe =
            header.recipe.isEmpty ? nil : try Recipe.parse(yaml: header.recipe, source: "the checkpoint's recipe")
        let plan = recipe?.evaluation
        guard let attacks = try attacks ?? plan.map({ try AttackSpecification.list($0.attacks.joined(separator: ",")) })
        else {
            throw Failure(
                .usage,
                "--attacks is missing, and the network's recipe plans no evaluation; known attacks: "
                    + AttackCatalogue.names.joined(separator: ", "))
        }
        try AttackCatalogue.check(attacks.map(\.verbatim))
        var settings = EvaluationSettings(attacks: attacks)
        settings.strengths = strengths ?? plan?.strengths
        settings.samples = command.attacking.samples ?? plan?.samples
        settings.split = split
        settings.every = command.every
        settings.validation = (recipe?.validation ?? 0, recipe?.validationSplit ?? .random, recipe?.seed ?? 0)
        settings.seed = command.seed
        settings.chunk = command.chunk
        settings.dataDirectory = command.location.dataDirectory ?? recipe?.dataDirectory
        settings.keepsImages = command.images
        settings.resume = command.resume
        return settings
    }

    /// The evaluation of a training run's checkpoints by the ranks beside it.
    static func settings(plannedBy recipe: Recipe) throws -> EvaluationSettings {
        let plan = recipe.evaluation ?? recipe.defaultEvaluation
        var settings = EvaluationSettings(attacks: try AttackSpecification.list(plan.attacks.joined(separator: ",")))
        try AttackCatalogue.check(plan.attacks)
        settings.strengths = plan.strengths
        settings.samples = plan.samples
        settings.dataDirectory = recipe.dataDirectory
        return settings
    }
}
