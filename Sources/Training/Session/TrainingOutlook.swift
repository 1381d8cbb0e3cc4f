import Datasets
import Essentials
import Lanes
import Networks
import Recipes

/// A training as it can be known before it begins: its recipe checked against its data set, its steps and images.
public struct TrainingOutlook {
    /// The recipe with its numbers of drawn samples.
    public let recipe: Recipe
    /// The data set's shape, counts and notes.
    public let dataset: DatasetDescription
    /// Optimiser steps of an epoch.
    public let stepsPerEpoch: Int
    let plan: NetworkPlan

    /// Looks at a recipe on a data set that is there. Local: reads the headers of the data's files.
    ///
    /// - Parameters:
    ///   - ranks: that are to train.
    ///   - dataset: the data set's description, where it is known already.
    /// - Throws: `Failure` as a training does for what it refuses before its first step: 64 for more ranks than lanes,
    ///   an unknown attack, too few images, a network that does not fit; 66 and 65 for data.
    public init(_ recipe: Recipe, ranks: Int = 1, dataset known: DatasetDescription? = nil) throws {
        try TrainingSetup.checkWords(recipe, ranks: ranks)
        dataset = try known ?? Dataset.locate(recipe.dataset, directory: recipe.dataDirectory).description
        (self.recipe, plan) = try TrainingSetup.settle(recipe, dataset)
        let passes = LanePlan.stepsPerEpoch(samples: Self.samples(self.recipe, dataset), batch: recipe.passBatch)
        stepsPerEpoch = (passes + recipe.accumulation - 1) / recipe.accumulation
    }

    private static func samples(_ recipe: Recipe, _ dataset: DatasetDescription) -> Int {
        dataset.trainCount - recipe.validation + (recipe.meanTraining?.drawnSamples ?? 0)
    }

    /// The memory that a rank needs at least, of so many on one host.
    package func memory(ranks: Int) -> MemorySize {
        MemoryNeed(recipe, plan, dataset, ranks: ranks, ranksOfHost: ranks).size
    }

    /// The images that an epoch's end passes through the network forward alone, for batch norm's moments.
    package var momentImages: Int { min(recipe.preciseMoments * recipe.batch, samplesPerEpoch) }

    /// Samples of an epoch, drawn ones included.
    public var samplesPerEpoch: Int { Self.samples(recipe, dataset) }

    /// The steps of the whole training.
    public var steps: Int { min(recipe.epochs * stepsPerEpoch, recipe.maxSteps ?? .max) }
}
