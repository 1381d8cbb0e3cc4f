import TestSupport
import Testing

@Suite(.underMPIRun) struct BuiltInRecipeTests {
    // What cluster/quickstart shows, on images held out of training.
    @Test("the built-in robust recipe trains to a network that knows the glyphs and rejects noise, attacked or not")
    func trains() throws {
        try withTemporaryDirectory { folder in
            let recipe = ["glyphs-mrelu-r-m", "--set", "validation=2000", "--run", folder + "/run", "--quiet"]
            let trained = try spawnMpirun(ranks: 2, "steadfast", arguments: ["train"] + recipe).wait(timeout: 300)
            try #require(trained.status == 0, "\(trained.errors)")
            let evaluated = try evaluate(
                folder + "/run", output: folder + "/results", ranks: 2,
                ["--split", "validation", "--attacks", "clean,nonsense", "--strengths", "0,0.1", "--quiet"])
            try #require(evaluated.status == 0, "\(evaluated.errors)")
            let rows = try summary(folder + "/results").dropFirst().map { $0.split(separator: ",").map(String.init) }
            let errors = try rows.map { try #require(Double($0[6])) }
            #expect(rows.map { $0[2] } == ["clean", "nonsense", "nonsense"])
            #expect(errors[0] < 0.05, "\(rows)")
            #expect(errors[1] < 0.02 && errors[2] < 0.05, "\(rows)")
        }
    }
}
