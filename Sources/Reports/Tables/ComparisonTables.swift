import Essentials
import Robustness

/// The paper's tables beside ours, cell by cell.
package enum ComparisonTables {
    /// A table for each reading for which there is anything of a data set, the two readings of a kind beside each
    /// other.
    package static func tables(_ paper: PaperTable, _ models: [EvaluatedModel]) -> [Table] {
        Reading.pairs.compactMap { table(paper, $0, models) }
    }

    /// A row for each strength; of each model of the paper the published error, that of the authors' released network,
    /// our mean over the seeds and the difference. Nil where nothing of ours is there.
    package static func table(_ paper: PaperTable, _ reading: Reading, _ models: [EvaluatedModel]) -> Table? {
        let own = paper.models.map { label in models.first { $0.dataset == paper.dataset && $0.label == label } }
        func measured(_ model: Int, _ strength: Double) -> Measurement? {
            own[model]?.measurement(reading.attack, strength)
        }
        guard paper.strengths.contains(where: { strength in own.indices.contains { measured($0, strength) != nil } })
        else { return nil }
        let rows = paper.strengths.map { strength -> [Table.Cell] in
            [Table.Cell(plainDecimal(strength), note: psnr(strength))]
                + paper.models.enumerated().flatMap { number, label in
                    cells(
                        paper.printed(reading.kind, label, strength), paper.released(reading, label, strength),
                        measured(number, strength))
                }
        }
        return Table(
            name: "table\(paper.number)-\(paper.dataset)-\(reading.kind.rawValue)-\(reading.mode.rawValue)",
            title: "Table \(paper.number), \(paper.title): \(reading.title)", caption: caption(paper, reading, own),
            groups: [("", 1)] + paper.models.map { ($0, 4) },
            columns: ["β (dB)"] + paper.models.flatMap { _ in ["paper", "theirs", "ours", "diff."] },
            noteTitle: "over the seeds", noteTitles: ["β (dB)": "PSNR"], rows: rows)
    }

    private static func cells(_ printed: Double?, _ released: Double?, _ ours: Measurement?) -> [Table.Cell] {
        let seeds = ours.map {
            $0.errors.count > 1 ? "\(decimal($0.range.lowerBound))–\(decimal($0.range.upperBound))" : ""
        }
        let shown = [
            Table.Cell(printed.map(decimal) ?? ""), Table.Cell(released.map(decimal) ?? ""),
            Table.Cell(ours.map { decimal($0.mean) } ?? "", note: seeds ?? "", mark: .strong),
        ]
        guard let printed, let ours else { return shown + [""] }
        let difference = ours.mean - printed
        let mark: Table.Mark = ours.holds(printed) == true ? .within : difference < 0.0005 ? .better : .worse
        return shown + [Table.Cell(signed(difference), note: mark == .within ? "within" : "", mark: mark)]
    }

    private static func psnr(_ strength: Double) -> String {
        strength > 0 ? decibels(strength) : "clean"
    }

    /// The things to see: for each model the largest excess over the paper, and what is known of the row.
    private static func caption(_ paper: PaperTable, _ reading: Reading, _ own: [EvaluatedModel?]) -> String {
        var sentences: [String] = []
        for (label, model) in zip(paper.models, own) {
            guard let model else {
                sentences.append("\(label) was not evaluated.")
                continue
            }
            let differences = paper.strengths.compactMap { strength -> (Double, Double)? in
                guard let ours = model.measurement(reading.attack, strength),
                    let printed = paper.printed(reading.kind, label, strength)
                else { return nil }
                return (ours.mean - printed, strength)
            }
            guard let worst = differences.max(by: { $0.0 < $1.0 }) else {
                sentences.append("\(label) was not evaluated this way.")
                continue
            }
            let seeds = model.networks.count
            sentences.append(
                "\(label), \(counted(seeds, "seed")): the paper's error or less in "
                    + "\(differences.count { $0.0 < 0.0005 }) of \(differences.count) cells; largest excess "
                    + "\(signed(max(0, worst.0))) at β \(plainDecimal(worst.1)).")
        }
        return (sentences + notes(paper, reading)).joined(separator: " ")
    }

    /// Remarks on some rows.
    private static func notes(_ paper: PaperTable, _ reading: Reading) -> [String] {
        var notes: [String] = []
        if reading.kind == .adversarial, paper.isPlainRowDisputed {
            let at = { (strength: Double) in
                "\(decimal(paper.released(reading, "plain", strength) ?? 0)) against the printed "
                    + "\(decimal(paper.printed(.adversarial, "plain", strength) ?? 0)) at β \(plainDecimal(strength))"
            }
            notes.append(
                "The plain row is not what the authors' own released network gives either: \(at(0.05)), \(at(0.1)).")
        }
        if reading.kind == .nonsense {
            notes.append(
                "One output (class 12) of the -m networks is trained on noise that is nearly this test's own nonsense: "
                    + "low figures here do not say that other nonsense is rejected.")
        }
        return notes
    }
}
