import Foundation
import Kernels
import Networks
import Robustness
import TestSupport
import Testing

@Suite("What the records amount to, file by file, against the definitions")
struct JudgementFilesTests {
    private static let attacks =
        "clean,fgsm,pgd:steps=3,square:queries=20,fgs-lmax,pgd-l2:steps=3,nonsense,standard:queries=20"
    private static let network = Network(
        input: ImageShape(height: 8, width: 7, channels: 2), classes: 3,
        layers: [.convolution(.init(channels: 6, size: 3)), .fullyConnected(.init(channels: 4))])
    private let results: EvaluationResults
    private let files: [String: [[String: String]]]

    /// Of three classes and one nonsense output.
    init() throws {
        // A linear network without biases: its random images fall into all classes.
        results = try EvaluatedSamples(Self.network, mistakes: 4) { model in
            for name in ["conv1/bias", "fc1/bias"] { model.scale(name, by: 0) }
        }.evaluate(Self.attacks, [0.005, 0.02])
        #expect(Set(results.subject.labels).count == 3)
        let written = results
        files = try withTemporaryDirectory { folder in
            try JudgementFiles.write([written], to: folder)
            let names = try FileManager.default.contentsOfDirectory(atPath: folder)
            return try Dictionary(
                uniqueKeysWithValues: names.map {
                    ($0, Self.rows(try String(contentsOfFile: folder + "/" + $0, encoding: .utf8)))
                })
        }
    }

    /// The lines of a file by column; the checkpoint's name holds a comma.
    private static func rows(_ text: String) -> [[String: String]] {
        let lines = text.split(separator: "\n").map { line in
            line.replacingOccurrences(of: "\"a network, small\"", with: "a network")
                .split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        }
        return lines.dropFirst().map { cells in
            #expect(cells.count == lines[0].count, "\(cells)")
            return Dictionary(uniqueKeysWithValues: zip(lines[0], cells))
        }
    }

    private func number(_ attack: String) throws -> Int {
        try #require(results.plan.attacks.firstIndex { $0.specification.verbatim == attack })
    }

    private func records(_ attack: String, _ strength: Int = 0) throws -> [SampleRecord] {
        results.records(try number(attack), strength: strength)
    }

    private func row(_ file: String, _ wanted: [String: String]) throws -> [String: String] {
        let found = try #require(files[file]).filter { row in wanted.allSatisfy { row[$0.key] == $0.value } }
        #expect(found.count == 1, "\(wanted) in \(file)")
        return try #require(found.first)
    }

    private func expect(_ row: [String: String], _ column: String, _ value: Double, tolerance: Double = 2e-6) throws {
        let cell = try #require(row[column].flatMap(Double.init))
        #expect(abs(cell - value) <= tolerance, "\(column): \(cell), not \(value)")
    }

    private var labels: [Int] { results.subject.labels.map { Int($0) } }

    private func isError(_ record: SampleRecord, _ label: Int) -> Bool { Int(record.prediction) != label }

    @Test("classes.csv: the samples of each label")
    func classes() throws {
        for (attack, place, text) in [("clean", 0, "0"), ("fgsm", 1, "0.02"), ("pgd-l2:steps=3", 0, "0.005")] {
            let records = try records(attack, place)
            for label in Set(labels) {
                let own = zip(records, labels).filter { $0.1 == label }.map(\.0)
                let row = try row("classes.csv", ["attack": attack, "strength": text, "class": "\(label)"])
                #expect(row["samples"] == "\(own.count)")
                let count = Double(own.count)
                try expect(row, "error", Double(own.count { isError($0, label) }) / count)
                try expect(row, "wrong", Double(own.count { $0.outcome == Outcome.wrong.rawValue }) / count)
                try expect(row, "rejected", Double(own.count { $0.outcome == Outcome.rejected.rawValue }) / count)
                try expect(row, "mean_confidence", own.reduce(0) { $0 + Double($1.confidence) } / count)
            }
        }
        #expect(files["classes.csv"]?.contains { $0["attack"] == "nonsense" } == false)
    }

    @Test("confusion.csv: the pairs of label and prediction, all samples of them")
    func confusion() throws {
        let records = try records("fgsm", 1)
        let rows = try #require(files["confusion.csv"]).filter { $0["attack"] == "fgsm" && $0["strength"] == "0.02" }
        var sum = 0
        for row in rows {
            let count = try #require(row["count"].flatMap(Int.init))
            let wanted = zip(records, labels).count {
                "\($0.prediction)" == row["prediction"] && "\($1)" == row["label"]
            }
            #expect(count == wanted && count > 0)
            sum += count
        }
        #expect(sum == results.plan.samples && rows.count > 3)
    }

    @Test("worst.csv: each sample's worst over the attacks in the ball, and over all; and the strongest of them")
    func worst() throws {
        let ball = ["clean", "fgsm", "pgd:steps=3", "square:queries=20", "standard:queries=20"]
        for (name, attacks) in [("ball", ball), ("all", ball + ["fgs-lmax", "pgd-l2:steps=3"])] {
            for (place, text) in [(0, "0.005"), (1, "0.02")] {
                let lists = try attacks.map { try records($0, $0 == "clean" ? 0 : place) }
                let row = try row("worst.csv", ["set": name, "strength": text])
                let samples = 0..<results.plan.samples
                func share(_ isIn: (Int) -> Bool) -> Double {
                    Double(samples.count(where: isIn)) / Double(samples.count)
                }
                try expect(row, "error", share { i in lists.contains { isError($0[i], labels[i]) } })
                let wrong = { (i: Int) in lists.contains { $0[i].outcome == Outcome.wrong.rawValue } }
                try expect(row, "wrong", share(wrong))
                try expect(
                    row, "rejected",
                    share { i in !wrong(i) && lists.contains { $0[i].outcome == Outcome.rejected.rawValue } })
                #expect(
                    row["attacks"].map { Set($0.split(separator: " ").map(String.init)) } == Set(attacks.dropFirst()))
                let errors = try attacks.dropFirst().map { attack in
                    let list = try records(attack, place)
                    return (attack, share { isError(list[$0], labels[$0]) })
                }
                let most = errors.map(\.1).max() ?? 0
                try expect(row, "strongest_error", most)
                #expect(errors.contains { $0.0 == row["strongest"] && $0.1 == most })
            }
        }
    }

    @Test("distances.csv: means over all samples and over the broken ones; PSNR of the mean square")
    func distances() throws {
        let records = try records("fgsm", 1)
        let broken = zip(records, labels).filter { isError($0.0, $0.1) }.map(\.0)
        #expect(!broken.isEmpty && broken.count < records.count)
        for (of, own) in [("all", records), ("broken", broken)] {
            let row = try row("distances.csv", ["attack": "fgsm", "strength": "0.02", "of": of])
            #expect(row["samples"] == "\(own.count)")
            let count = Double(own.count)
            try expect(row, "mean_linf", own.reduce(0) { $0 + Double($1.linf) } / count)
            try expect(row, "mean_l2", own.reduce(0) { $0 + Double($1.l2) } / count)
            try expect(row, "mean_l1", own.reduce(0) { $0 + Double($1.l1) } / count)
            let square = own.reduce(0) { $0 + pow(Double($1.l2), 2) } / count / Double(Self.network.input.count)
            try expect(row, "psnr_db", 10 * log10(1 / square), tolerance: 0.006)
        }
        #expect(try row("distances.csv", ["attack": "clean", "of": "all"])["psnr_db"] == "inf")
    }

    @Test(
        "rejection.csv: the threshold keeps 99 % of the clean images; what it or the network rejects is not accepted"
    )
    func rejection() throws {
        let scores = try records("clean").map(\.classConfidence)
        let clean = try row("rejection.csv", ["attack": "clean"])
        let threshold = try #require(clean["threshold"].flatMap(Float.init))
        #expect(Double(scores.count { $0 >= threshold }) >= 0.99 * Double(scores.count))
        for (attack, isNonsense) in [("fgsm", false), ("nonsense", true)] {
            let list = try records(attack, 1)
            let row = try row("rejection.csv", ["attack": attack, "strength": "0.02"])
            let count = Double(list.count)
            func accepted(_ record: SampleRecord) -> Bool {
                record.outcome != Outcome.rejected.rawValue && record.classConfidence >= threshold
            }
            let wrong = zip(list, labels).count { accepted($0) && (isNonsense || isError($0, $1)) }
            try expect(row, "wrong", Double(wrong) / count)
            try expect(row, "rejected", Double(list.count { !accepted($0) }) / count)
            let figures = ["auroc", "fpr_at_95_tpr", "aupr_in", "aupr_out"].map { row[$0] ?? "?" }
            #expect(figures.allSatisfy { isNonsense ? Double($0) != nil : $0.isEmpty }, "\(row)")
            guard isNonsense else { continue }
            let out = list.map(\.classConfidence)
            let pairs = scores.flatMap { x in out.map { x > $0 ? 1.0 : x == $0 ? 0.5 : 0 } }
            try expect(row, "auroc", pairs.reduce(0, +) / Double(pairs.count))
        }
    }

    @Test(
        "figures on none and one sample, all right, all wrong, all rejected, are numbers",
        arguments: [
            (0, 0, false), (1, 0, false), (1, 1, false), (1, 0, true), (12, 0, false), (12, 12, false), (12, 0, true),
        ])
    func edges(count: Int, mistakes: Int, isRejected: Bool) throws {
        let subject = try EvaluatedSamples(Self.network, count: count, mistakes: mistakes)
        if isRejected, let entry = subject.target.model.layout.entries.first(where: { $0.name == "fc1/bias" }) {
            subject.target.model.parameters.pointer[entry.offset + 3] = 1e9
        }
        let results = try subject.evaluate(Self.attacks, [0.005])
        for row in results.summary {
            #expect([row.error, row.wrong, row.rejected, row.meanConfidence].allSatisfy { (0...1).contains($0) })
            #expect(row.samples == count)
        }
        let clean = try #require(results.summary.first)
        if count > 0, isRejected || mistakes == count { #expect(clean.error == 1) }
        if count > 0, isRejected { #expect(clean.rejected == 1 && clean.wrong == 0) }
        try withTemporaryDirectory { folder in
            try JudgementFiles.write([results], to: folder)
            for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
                let text = try String(contentsOfFile: folder + "/" + name, encoding: .utf8)
                #expect(!text.contains("nan"), "\(name): \(text)")
            }
        }
    }

    @Test("a nonsense output's confidence is no class's")
    func classConfidence() throws {
        let all = try ["clean", "nonsense"].flatMap { try records($0) }
        for record in all where Int(record.prediction) < 3 { #expect(record.classConfidence == record.confidence) }
        let rejected = try records("nonsense", 1).filter { Int($0.prediction) == 3 }
        for record in rejected { #expect(record.classConfidence <= record.confidence) }
    }

    @Test("risk_coverage.csv: at full coverage the error, at less no sample of a higher score is left out")
    func riskCoverage() throws {
        let list = try records("clean")
        let full = try row("risk_coverage.csv", ["attack": "clean", "coverage": "1"])
        try expect(full, "risk", Double(zip(list, labels).count { isError($0, $1) }) / Double(list.count))
        let sorted = zip(list, labels).sorted { $0.0.classConfidence > $1.0.classConfidence }.prefix(list.count / 2)
        let half = try row("risk_coverage.csv", ["attack": "clean", "coverage": "0.5"])
        try expect(half, "risk", Double(sorted.count { isError($0, $1) }) / Double(sorted.count))
    }

    @Test("parts.csv: a row for each part of the standard attack, over the samples that it was not spared")
    func parts() throws {
        let rows = try #require(files["parts.csv"])
        let attack = results.plan.attacks[try number("standard:queries=20")]
        #expect(rows.count == attack.partNames.count * 2)
        var left = results.plan.samples
        for part in attack.partNames {
            let row = try row("parts.csv", ["attack": "standard:queries=20/\(part)", "strength": "0.02"])
            let attacked = try #require(row["samples"].flatMap(Int.init))
            #expect(attacked <= left)
            left = attacked
        }
    }
}
