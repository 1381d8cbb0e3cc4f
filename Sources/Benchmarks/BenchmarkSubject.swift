import Datasets
import Essentials
import Kernels
import MessagePassing
import Networks
import Recipes
import Training

/// The network that is timed, that of a shipped recipe on its data.
public struct BenchmarkSubject: Sendable {
    /// The recipe: the data set's and activation's with random and mean training, or the plain one.
    public let recipe: Recipe
    /// The images of a batch, over all ranks.
    public let batch: Int

    /// Finds the recipe.
    ///
    /// - Parameters:
    ///   - recipe: a recipe's name or path; nil for that of the data set and activation.
    ///   - dataset: `mnist`, `cifar10`, `glyphs`.
    ///   - activation: `plain`, `rbf`, `mrelu`.
    ///   - batch: the images of a global batch.
    ///   - overrides: `key=value` for the recipe, as `Recipe.load` takes them.
    ///   - dataDirectory: where the data sets lie, one folder each; nil for `$STEADFAST_DATA`, then
    ///     `~/.cache/steadfast`.
    /// - Throws: `Failure` 66 where there is no such recipe, 64 for a batch or value that it cannot take.
    public init(
        recipe name: String? = nil, dataset: String, activation: String, batch: Int,
        overrides: [String] = [], dataDirectory: String?
    ) throws {
        let name = name ?? "\(dataset)-\(activation)" + (activation == "plain" ? "" : "-r-m")
        var recipe = try Recipe.load(
            name, overrides: ["batch=\(batch)", "epochs=100000", "validation=0"] + overrides)
        if let dataDirectory { recipe.dataDirectory = dataDirectory }
        self.recipe = recipe
        self.batch = batch
    }

    /// The network, worked out.
    func plan() throws -> NetworkPlan {
        let dataset = try Dataset.locate(recipe.dataset, directory: recipe.dataDirectory)
        return try NetworkPlan(
            recipe.network(input: dataset.description.shape, classes: dataset.description.classes))
    }

    /// Adds what was timed to the figures.
    func describe(in json: inout JSONLine) {
        json.add("dataset", recipe.dataset)
        json.add("activation", recipe.network.activation.rawValue)
        json.add("batch", batch)
        json.add("reduction", recipe.reduction.rawValue)
        json.add("overlap", recipe.overlap.rawValue)
        json.add("blas", BLAS.kernel)
    }

    /// `mnist mrelu`.
    var name: String { "\(recipe.dataset) \(recipe.network.activation.rawValue)" }
}
