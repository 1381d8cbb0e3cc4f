import DataFeed
import Datasets
import Essentials
import Kernels
import Lanes
import MessagePassing
import Networks
import Recipes
import Robustness

/// The parts of a training that stay from its first step to its last: the recipe, the ranks, the replica.
struct TrainingSetup {
    /// The recipe, its numbers of drawn samples settled.
    let recipe: Recipe
    let communicator: Communicator
    let model: Model
    let optimizer: Optimizer
    let places: RankPlaces
    /// The ranks by their hosts.
    let groups: HostGroups
    /// The same for each bucket of gradients, which travel beside other messages.
    private let channels: [HostGroups]

    /// Reads the data, checks that all ranks are about the same job, and builds the replica. Collective: every rank of
    /// the communicator calls this.
    ///
    /// - Throws: `Failure` as the recipe and the data set do; all ranks throw together.
    ///
    /// - Parameter initial: on rank 0, the network that the run starts from.
    static func make(
        _ recipe: Recipe, communicator: Communicator, initial: InitialWeights?
    ) throws -> (TrainingSetup, TrainingData) {
        BLAS.useOneThread()
        let ranks = communicator.worldSize
        try communicator.agree { try checkWords(recipe, ranks: ranks) }
        // Before anything that the values steer.
        try communicator.agreeOnEqual([("the recipe", recipe.digest)] + recipe.agreedValues)
        let (settled, plan, data) = try Progress.during(.reading) {
            let dataset = try HostDataset(recipe.dataset, directory: recipe.dataDirectory, communicator: communicator)
            let description = dataset.description
            let (settled, plan) = try communicator.agree { try settle(recipe, description) }
            try MemoryNeed(settled, plan, description, ranks: ranks, ranksOfHost: dataset.ranksOfHost)
                .check(on: communicator)
            let mean = try InitialWeights.shareMeanImage(initial, by: communicator)
            let data = try TrainingData(
                settled, dataset, network: plan.network, initialMean: mean, communicator: communicator)
            try dataset.close()
            return (settled, plan, data)
        }
        try communicator.agreeOnEqual([
            ("the data", data.digest), ("the product's version", Product.version),
            ("the build", Product.buildDigest), ("the build's instruction set", Build.instructionSet),
            ("the BLAS kernel", BLAS.kernel),
        ])
        return (try TrainingSetup(settled, plan, communicator), data)
    }

    private init(_ recipe: Recipe, _ plan: NetworkPlan, _ communicator: Communicator) throws {
        self.recipe = recipe
        self.communicator = communicator
        model = Model(plan)
        optimizer = Optimizer(
            model, recipe.optimizer, momentum: recipe.momentum, weightDecay: recipe.weightDecay,
            factors: recipe.rateFactors(model.layout), clipping: recipe.gradientClipping)
        places = try RankPlaces(communicator)
        let groups = try communicator.hostGroups()
        self.groups = groups
        channels = try GradientBucket.buckets(
            plan, batch: recipe.passBatch, lanes: recipe.lanes, hosts: groups.count, mode: recipe.reduction
        ).map { _ in try groups.duplicate(whole: recipe.reduction == .fast) }
    }

    /// How sums over lanes travel, for people: completes `sums `.
    var sumsWay: String { ([groups] + channels).map(\.way).last { $0 != groups.way } ?? groups.way }

    /// The engine of steps on a rank's data. Collective.
    func engine(on data: TrainingData, timeline: Timeline) throws -> StepEngine {
        try StepEngine(
            recipe, data, model, optimizer, groups: groups, channels: channels,
            overlaps: recipe.overlap == .on || recipe.overlap == .auto && places.hostCount > 1, timeline: timeline)
    }

    /// Refuses more ranks than lanes, and attacks that there are not. Local.
    static func checkWords(_ recipe: Recipe, ranks: Int) throws {
        try checkCounts(recipe, ranks: ranks)
        try AttackCatalogue.check(recipe.evaluation?.attacks ?? [])
        let validating = try recipe.validationAttack.map { try AttackSpecification.list($0.attack) } ?? []
        try AttackCatalogue.check(validating.map(\.verbatim))
    }

    /// The recipe with its numbers of drawn samples for a data set, and the plan of its network. Local.
    static func settle(_ recipe: Recipe, _ description: DatasetDescription) throws -> (Recipe, NetworkPlan) {
        try checkSplit(recipe, description)
        try checkSizes(recipe, description.shape)
        let settled = recipe.settled(trainingImages: description.trainCount - recipe.validation)
        try checkWindows(settled, description)
        return (settled, try NetworkPlan(settled.network(input: description.shape, classes: description.classes)))
    }

    /// Refuses more ranks than lanes.
    private static func checkCounts(_ recipe: Recipe, ranks: Int) throws {
        guard ranks <= recipe.lanes else {
            throw Failure(
                .usage,
                "\(ranks) ranks cannot share \(recipe.lanes) lanes: start at most \(recipe.lanes) ranks, or set lanes "
                    + "for a new run")
        }
    }

    /// Refuses windows where each rank would keep its lanes' images, which are others in each epoch.
    private static func checkWindows(_ recipe: Recipe, _ description: DatasetDescription) throws {
        guard recipe.windows(of: description) != nil else { return }
        guard recipe.dataSharing != .lanes else {
            throw Failure(
                .usage,
                "stream_window: \(recipe.streamWindow ?? 0) gives lanes other images in each epoch: set data_sharing "
                    + "to stream, or to node where a host's memory holds all images")
        }
    }

    /// Refuses changes of images that may leave nothing of one.
    private static func checkSizes(_ recipe: Recipe, _ shape: ImageShape) throws {
        let side = max(shape.height, shape.width)
        for (key, pixels) in [("shift", recipe.shift), ("cutout", recipe.cutout)] where pixels >= max(1, side) {
            throw Failure(
                .usage,
                "\(key): \(pixels) is too large for images of \(shape.height) x \(shape.width) pixels: at most "
                    + "\(side - 1)")
        }
    }

    /// Refuses a validation split that leaves too little to train on.
    private static func checkSplit(_ recipe: Recipe, _ description: DatasetDescription) throws {
        guard description.trainCount > 0 else {
            throw Failure(
                .usage,
                "\(description.name) has no training images: it is for evaluation alone, as in `steadfast evaluate RUN "
                    + "--dataset \(recipe.dataset)`")
        }
        guard recipe.validation < description.trainCount, description.trainCount - recipe.validation >= recipe.batch
        else {
            throw Failure(
                .usage,
                "\(description.name) has \(description.trainCount) training images: too few for batch \(recipe.batch) "
                    + "and validation \(recipe.validation); lower one of them")
        }
    }
}
