import Checkpoints
import Datasets
import Essentials
import Recipes
import Robustness
import Training

/// A request, checked: the command line, and the plan of the checkpoint's recipe where that says nothing.
struct EvaluationRequest {
    let settings: EvaluationSettings

    init(_ command: EvaluateCommand, _ checkpoint: Checkpoint) throws {
        // Nil for a network of another program.
        let recipe =
            checkpoint.header.recipe.isEmpty
            ? nil : try Recipe.parse(yaml: checkpoint.header.recipe, source: "the checkpoint's recipe")
        let plan = recipe?.evaluation
        guard let names = command.attacking.attacks ?? plan?.attacks.joined(separator: ",") else {
            throw Failure(
                .usage,
                "--attacks is missing, and the network's recipe plans no evaluation; known attacks: "
                    + AttackCatalogue.names.joined(separator: ", "))
        }
        var settings = EvaluationSettings(attacks: try AttackSpecification.list(names))
        try AttackCatalogue.check(settings.attacks.map(\.verbatim))
        settings.strengths = try command.attacking.strengths.map(AttackSpecification.strengths) ?? plan?.strengths
        settings.samples = command.attacking.samples ?? plan?.samples
        guard settings.samples ?? 1 >= 1 else { throw Failure(.usage, "--samples has to be at least 1") }
        guard command.every >= 1 else { throw Failure(.usage, "--every has to be at least 1") }
        guard let split = Split(rawValue: command.split) else {
            throw Failure(.usage, unknownName("split", command.split, among: Split.allCases.map(\.rawValue)))
        }
        settings.split = split
        settings.every = command.every
        settings.validation = (recipe?.validation ?? 0, recipe?.validationSplit ?? .random, recipe?.seed ?? 0)
        settings.seed = command.seed
        settings.chunk = command.chunk
        settings.dataDirectory = command.location.dataDirectory ?? recipe?.dataDirectory
        settings.keepsImages = command.images
        settings.resume = command.resume
        self.settings = settings
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
