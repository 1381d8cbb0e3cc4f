import Foundation
import Robustness
import Testing

import Reports

@Suite("The paper's tables beside ours")
struct ComparisonTests {
    @Test("are the published ones")
    func published() {
        #expect(PaperTable.mnist.printed(.adversarial, "mReLU-r-m", 0.25) == 0.073)
        #expect(PaperTable.mnist.printed(.nonsense, "plain", 0) == 0.979)
        #expect(PaperTable.cifar10.printed(.noisy, "mReLU-r-m", 0.15) == 0.295)
        #expect(PaperTable.cifar10.printed(.adversarial, "plain", 0.01) == 0.591)
        #expect(PaperTable.mnist.printed(.adversarial, "RBF", 0.25) == nil)
        #expect(PaperTable.mnist.strengths == [0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5])
        for table in PaperTable.all {
            for kind in Reading.Kind.allCases {
                for model in table.models {
                    #expect(table.strengths.allSatisfy { table.printed(kind, model, $0) != nil })
                }
            }
        }
        // What the released networks give, in both modes.
        #expect(PaperTable.mnist.released(Reading.all[0], "plain", 0.05) == 0.184)
        #expect(PaperTable.mnist.released(Reading.all[3], "mReLU-r-m", 0.5) == 0.596)
        #expect(PaperTable.cifar10.released(Reading.all[4], "mReLU-r-m", 0.03) == 0.830)
        #expect(PaperTable.cifar10.released(Reading.all[0], "plain", 0.03) == nil)
    }

    @Test("show the mean over the seeds, the difference, and whether the paper's figure lies between the seeds")
    func cells() throws {
        let batch = "fgs-lmax:gradient-mode=batch"
        let models = EvaluatedModel.collect([
            network(
                "x/mnist-mrelu-r-m/seed-1", [row("clean", 0, 0.016), row(batch, 0.25, 0.070), row(batch, 0.1, 0.04)]),
            network(
                "x/mnist-mrelu-r-m/seed-2", [row("clean", 0, 0.018), row(batch, 0.25, 0.080), row(batch, 0.1, 0.06)]),
        ])
        #expect(
            models.count == 1 && models[0].label == "mReLU-r-m" && models[0].networks.map(\.identity.seed) == [1, 2])
        let table = try #require(ComparisonTables.table(.mnist, Reading.all[0], models))
        #expect(table.columns.count == 9 && table.rows.count == 13 && table.rows.allSatisfy { $0.count == 9 })
        // Between the seeds.
        let quarter = table.rows[9]
        #expect(quarter.map(\.text) == ["0.25", "0.934", "0.983", "", "", "0.073", "0.083", "0.075", "+0.002"])
        #expect(quarter[7].note == "0.070–0.080" && quarter[8].note == "within" && quarter[8].mark == .within)
        // Above both seeds.
        let tenth = table.rows[6]
        #expect(
            table.csv.hasPrefix("β (dB),β (dB) PSNR,plain paper,plain theirs,plain ours,plain diff.,mReLU-r-m paper"))
        #expect(table.csv.contains("mReLU-r-m ours over the seeds,mReLU-r-m diff.,mReLU-r-m diff. over the seeds"))
        #expect(tenth[7].text == "0.050" && tenth[8].text == "+0.020" && tenth[8].mark == .worse)
        // Without a row of its own at 0 the attack has the clean one.
        #expect(table.rows[0][7].text == "0.017" && table.rows[0][7].note == "0.016–0.018")
        // What was not measured is empty, and no difference is made of it.
        #expect(table.rows[1][7].text.isEmpty && table.rows[1][8].text.isEmpty)
        #expect(
            table.caption.contains("largest excess +0.020 at β 0.1")
                && table.caption.contains("plain was not evaluated"))
        #expect(ComparisonTables.table(.mnist, Reading.all[1], models) == nil)
        #expect(ComparisonTables.table(.cifar10, Reading.all[0], models) == nil)
    }

    @Test("of one seed say nothing of a spread; a figure as printed is no difference")
    func oneSeed() throws {
        let measurement = Measurement(errors: [0.0730004], rejected: 0, samples: 10)
        #expect(measurement.holds(0.073) == nil)
        let two = Measurement(errors: [0.0734, 0.080], rejected: 0, samples: 10)
        #expect(two.holds(0.073) == true && two.holds(0.072) == false && two.holds(0.081) == false)
        #expect(signed(0.0004) == "0.000" && signed(-0.0004) == "0.000" && signed(-0.0126) == "-0.013")
    }

    @Test("are told apart by attack whatever way its parameters are written")
    func attacks() {
        #expect(canonicalAttack("fgs-lmax:gradient-mode=evaluation") == "fgs-lmax")
        #expect(
            canonicalAttack("nonsense:attack=fgs:family=gaussian:gradient-mode=batch") == "nonsense:gradient-mode=batch"
        )
        #expect(canonicalAttack("nonsense:family=uniform") == "nonsense:family=uniform")
        #expect(canonicalAttack("transfer:attack=fgs") == "transfer:attack=fgs")
        #expect(AttackTables.isStrong("pgd:steps=20") && AttackTables.isStrong("standard"))
        #expect(!AttackTables.isStrong("noise-sign") && !AttackTables.isStrong("nonsense:family=all"))
    }

    @Test("say of another recipe whether it is better than the paper's best in every cell")
    func standing() throws {
        func model(_ excess: Double) -> EvaluatedModel {
            let rows = Reading.all.flatMap { reading in
                PaperTable.mnist.strengths.map { strength in
                    row(
                        reading.attack, strength,
                        max(0, (PaperTable.mnist.printed(reading.kind, "mReLU-r-m", strength) ?? 0) + excess))
                }
            }
            return EvaluatedModel([network("mnist-other", rows)])
        }
        let better = try #require(RecipeTables.standing(.mnist, model(-0.001)))
        #expect(better.good == 39 && better.cells == 39 && better.sum < -0.02)
        let worse = try #require(RecipeTables.standing(.mnist, model(0.001)))
        #expect(worse.good == 0 && worse.sum > 0.03)
        #expect(RecipeTables.standing(.cifar10, model(0)) == nil)
    }

    @Test("are the same as CSV, Markdown and HTML")
    func formats() {
        let table = Table(
            name: "t", title: "A <b> & c", caption: "See | this.", groups: [("", 1), ("plain", 2)],
            columns: ["β", "a", "b"],
            rows: [["0.1", Table.Cell("0.5", note: "0.4–0.6"), "x,y"], ["0.2", "", "<i>|"]])
        #expect(
            table.csv == "β,plain a,plain a range,plain b\n0.1,0.5,0.4–0.6,\"x,y\"\n0.2,,,<i>|\n")
        #expect(table.markdown.contains("| β | plain a | plain b |\n|---|---|---|\n| 0.1 | 0.5 (0.4–0.6) | x,y |"))
        #expect(table.markdown.contains("| 0.2 |  | \\<i\\>\\| |"))
        #expect(table.html.text.contains("<h4>A &lt;b&gt; &amp; c</h4>") && table.html.text.contains("&lt;i&gt;|"))
    }
}
