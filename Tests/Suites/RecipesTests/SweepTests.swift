import Essentials
import Recipes
import Testing

@Suite("A sweep: the runs of a recipe with several values for its keys")
struct SweepTests {
    private static let recipe = "dataset: glyphs\nepochs: 4\n"

    private func sweep(_ more: String = "", _ sweeps: String..., search: String? = nil) throws -> Sweep {
        try Sweep(yaml: Self.recipe + more, source: "r.yaml", sweeps: sweeps, search: search)
    }

    private func refusal(_ more: String = "", _ sweeps: String..., search: String? = nil) -> String {
        do {
            let sweep = try Sweep(yaml: Self.recipe + more, source: "r.yaml", sweeps: sweeps, search: search)
            return "accepted: \(try sweep.runs().count)"
        } catch {
            let failure = Failure(failure: error)
            return failure.code == .usage ? failure.message : "code \(failure.code): \(failure.message)"
        }
    }

    @Test("a grid: the seed varies fastest, then the last key; each run has its number, directory and recipe")
    func grid() throws {
        let runs = try sweep("", "learning_rate=0.001,0.01", "seed=1..2", "loss.alpha=[1, 1, 0],[1, 0, 0]").runs()
        #expect(runs.count == 8 && runs.map(\.number) == Array(1...8))
        #expect(runs.map(\.configuration) == [1, 1, 2, 2, 3, 3, 4, 4])
        #expect(runs[0].path == "001-learning_rate=0.001-alpha=_1__1__0_/seed-1")
        #expect(runs[7].recipe.learningRate == 0.01 && runs[7].recipe.seed == 2)
        #expect(runs[7].recipe.loss.alpha == [1, 0, 0] && runs[7].values == ["0.01", "[1, 0, 0]"])
        #expect(Set(runs.map(\.path)).count == 8)
    }

    @Test("defaults follow a swept key as they follow one of the recipe")
    func defaults() throws {
        let runs = try Sweep(
            yaml: "dataset: cifar10", source: "r.yaml", sweeps: ["network.activation=plain,mrelu"]
        ).runs()
        #expect(runs.map(\.recipe.batch) == [100, 50] && runs.map(\.recipe.epochs) == [45, 90])
    }

    @Test("a recipe says its sweep; the command line replaces it key by key; the text reads back as the same sweep")
    func section() throws {
        let said =
            "sweep:\n  learning_rate: [0.001, 0.01]\n  schedule: {kind: [cosine, constant]}\n"
            + "  seed: 1..3\n  attacks: [clean, pgd]\n  strengths: 8/255\n"
        let own = try sweep(said, "learning_rate=0.1")
        #expect(own.keys == ["learning_rate", "schedule.kind"])
        #expect(try own.runs().count == 6)
        #expect(own.evaluation.attacks == "clean,pgd" && own.evaluation.strengths == "8/255")
        let again = try Sweep(yaml: own.yaml, source: "r.yaml")
        #expect(try again.yaml == own.yaml && own.differences(from: again).isEmpty)
        #expect(try again.runs().map(\.recipe.digest) == own.runs().map(\.recipe.digest))
        let other = try sweep(said, "learning_rate=0.2")
        #expect(try other.differences(from: own) == ["learning_rate: [0.1] there, [0.2] asked for"])
    }

    @Test(
        "a random search draws the same configurations of a seed, within the ranges, each once, at every seed of a run")
    func random() throws {
        let own = try sweep(
            "", "weight_decay=log:1e-6..1e-2", "batch=20,50,100", "seed=5,6", search: "random:runs=12:seed=3")
        let runs = try own.runs()
        #expect(runs.count == 24)
        #expect(try own.runs().map(\.path) == runs.map(\.path))
        #expect(runs.allSatisfy { (1e-6...1e-2).contains($0.recipe.weightDecay) })
        #expect(Set(runs.map(\.values)).count == 12)
        // A logarithmic range has as many below its middle.
        #expect(runs.contains { $0.recipe.weightDecay < 1e-4 } && runs.contains { $0.recipe.weightDecay > 1e-4 })
        let others = try sweep("", "weight_decay=log:1e-6..1e-2", "batch=20,50,100", search: "random:runs=12:seed=4")
        #expect(try others.runs()[0].values != runs[0].values)
        // All of a small grid.
        let all = try sweep("", "batch=20,50,100", search: "random:runs=3").runs()
        #expect(Set(all.map(\.recipe.batch)) == [20, 50, 100])
    }

    @Test("successive halving: so many times fewer configurations, so many times further, the last ones to the end")
    func halving() throws {
        let search = try sweep("validation: 100", "learning_rate=0.1,0.2", search: "halving:epochs=1:factor=3").search
        let rounds = search.rounds(configurations: 9, epochs: 20)
        #expect(rounds.map(\.epochs) == [1, 3, 20] && rounds.map(\.configurations) == [9, 3, 1])
        #expect(search.rounds(configurations: 1, epochs: 20).map(\.epochs) == [20])
        #expect(search.rounds(configurations: 9, epochs: 1).map(\.configurations) == [9])
        #expect(SweepSearch.grid.rounds(configurations: 9, epochs: 20).map(\.epochs) == [20])
        #expect(search.text == "halving:epochs=1:factor=3")
        for epochs in ["4,8", "8,4"] {
            #expect(
                refusal("validation: 100", "epochs=\(epochs)", search: "halving:epochs=1")
                    == "r.yaml: halving compares runs at the same epochs: give all the same epochs")
        }
        #expect(
            refusal("validation: 100", "epochs=4", "learning_rate=0.1,0.2", search: "halving:epochs=1")
                == "accepted: 2")
    }

    @Test("what is wrong with a sweep is said before its first run, all refused values at once")
    func refusals() {
        #expect(
            refusal()
                == "r.yaml: nothing to sweep over: --sweep learning_rate=0.001,0.01, or a section sweep in the recipe")
        #expect(refusal("", "epochz=1,2").contains("--sweep epochz=1: unknown key 'epochz'; did you mean 'epochs'?"))
        let both = refusal("", "batch=0,50,-3")
        #expect(both.contains("batch is 0; allowed") && both.contains("batch is -3; allowed"))
        for (sweep, words) in [
            ("batch", "write it as key=values"), ("batch=", "needs values"), ("batch=1,1", "has a value twice"),
            ("seed=3..1", "ends before it begins"), ("seed=1..100000", "more than 10000 numbers"),
            ("learning_rate=0.1..0.2", "a grid has no end"),
            ("learning_rate=log:0..1", "a logarithm needs low above 0"),
            ("learning_rate=0.1..0.2,0.5", "among its values"), ("seed=0.5..2.5", "seed needs whole numbers"),
            ("batch=[", "not YAML"),
        ] {
            #expect(refusal("", sweep).contains(words), "\(sweep): \(refusal("", sweep))")
        }
        for (search, words) in [
            ("all", "is none of"), ("random", "needs runs"), ("random:runs=9", "fewer than the 9"),
            ("halving:factor=2", "needs the epochs"), ("halving:epochs=1", "set validation"),
            ("grid:runs=2", "'runs'"), ("random:runs=0", "from 1"), ("random:runs=1:runs=1", "twice"),
        ] {
            #expect(refusal("", "batch=20,50", search: search).contains(words), "\(search)")
        }
        #expect(refusal("", "batch=20", "batch=50") == "--sweep batch=50: batch has values already: name it once")
        #expect(refusal("sweep: 3\n").contains("allowed: a mapping"))
        #expect(refusal("", "lanes=8,60", "batch=50").contains("lanes is 60; allowed"))
    }

    @Test("a key that is set and swept over is refused, in a section and its shorthand too; its siblings may be set")
    func setAndSwept() throws {
        func sweep(_ key: String, _ set: String) throws -> Int {
            try Sweep(yaml: Self.recipe, source: "r.yaml", overrides: [set], sweeps: [key]).runs().count
        }
        for (key, set, both) in [
            ("epochs=1,2", "epochs=7", "epochs"), ("seed=1..3", "seed=2", "seed"),
            ("schedule.kind=cosine,constant", "schedule=constant", "schedule.kind"),
            ("schedule=cosine,constant", "schedule={kind: constant}", "schedule.kind"),
        ] {
            #expect(throws: Failure(.usage, "--set \(set): \(both) is swept over: leave one of the two out")) {
                try sweep(key, set)
            }
        }
        #expect(try sweep("schedule=cosine,constant", "schedule.warmup_epochs=1") == 2)
        // A sweep that stands in a directory is done as it says.
        let stored = Self.recipe + "sweep: {set: [epochs=7], epochs: [1, 2]}\n"
        #expect(try Sweep(yaml: stored, source: "r.yaml").runs().count == 2)
        #expect(try sweep("schedule.kind=cosine,constant", "schedule={warmup_epochs: 1}") == 2)
    }

    @Test("a recipe with a sweep is no recipe of one run")
    func train() {
        #expect(throws: Failure(.usage, "r.yaml: the key sweep asks for many runs: steadfast sweep RECIPE --runs DIR"))
        {
            try Recipe.parse(yaml: Self.recipe + "sweep: {seed: 1..2}", source: "r.yaml")
        }
    }
}

extension Failure {
    fileprivate init(failure error: any Error) { self = error as? Failure ?? Failure(.software, "\(error)") }
}
