import Checkpoints
import Essentials
import Foundation
import Robustness

/// Puts a page on some networks together: sweeps, the table of runs, then for each data set accuracy under attack,
/// confusion, the worst samples, verdicts and recipes; nothing without data.
struct NetworksPage {
    private let models: [EvaluatedModel]
    private let rows: [NetworkRow]
    private let sweeps: [Page.Section]
    /// The figures that could not be drawn, a sentence each.
    private(set) var omissions: [String] = []

    init(_ models: [EvaluatedModel], _ rows: [NetworkRow], sweeps: [Page.Section] = []) {
        (self.models, self.rows, self.sweeps) = (models, rows, sweeps)
    }

    /// The page.
    mutating func page(title: String) throws -> Page {
        var sections = sweeps
        let runs = RunTable.tables(models, rows)
        if !runs.isEmpty {
            sections.append(
                Page.Section(name: "runs", title: "Networks", text: Texts.runs, blocks: [.tables(runs)]))
        }
        for dataset in models.map(\.dataset).uniqued { sections += try of(dataset) }
        let curves = try learning()
        if !curves.isEmpty {
            sections.append(Page.Section(name: "learning", title: "How the networks learned", blocks: curves))
        }
        let verdicts = DiagnosisTable.tables(models)
        if !verdicts.isEmpty {
            sections.append(
                Page.Section(
                    name: "masking", title: "Are the gradients masked?", text: Texts.masking,
                    blocks: [.tables(verdicts)]))
        }
        let recipes = RecipeTables.differences(models)
        if !recipes.isEmpty {
            sections.append(Page.Section(name: "recipes", title: "Recipes", blocks: [.tables(recipes)]))
        }
        sections.append(Page.Section(name: "files", title: "How this was made", text: Texts.files + left))
        return Page(title: title, introduction: introduction, sections: sections)
    }

    /// The networks, the data and the number of samples, in a sentence for each data set.
    private var introduction: HTML {
        let sentences = models.map(\.dataset).uniqued.map { dataset -> HTML in
            let own = models.filter { $0.dataset == dataset }
            let networks = own.flatMap(\.networks)
            let names = Set(networks.map(\.checkpoint))
            let splits = rows.filter { names.contains($0.checkpoint) }.map(\.split).uniqued
            let counts = networks.flatMap { $0.rows.map(\.samples) }
            let (fewest, most) = (counts.min() ?? 0, counts.max() ?? 0)
            let samples = fewest == most ? "\(most)" : "\(fewest) to \(most)"
            let split = splits.isEmpty ? "" : splits.joined(separator: " and ") + " "
            let words = counted(networks.count, "network")
            return "<p>\(words) on <b>\(dataset)</b>, \(samples) \(split)samples.</p>"
        }
        return "\(.joined(sentences))<p>Evaluated by steadfast \(Product.version). \(Texts.error)</p>"
    }

    private var left: HTML {
        omissions.isEmpty ? "" : "<p>Left out:</p><ul>\(.joined(omissions.map { "<li>\($0)</li>" }))</ul>"
    }

    /// The sections on a data set.
    private mutating func of(_ dataset: String) throws -> [Page.Section] {
        let own = models.filter { $0.dataset == dataset }
        let anchor = fileName("data", dataset)
        var attacked = Page.Section(name: anchor, title: "\(dataset): accuracy under attack")
        if let bracket = AttackTables.worst(dataset, dataset, own) { attacked.blocks.append(.tables([bracket])) }
        if let figure = CurvesFigure.figure(dataset, own) { attacked.blocks.append(.figure(figure)) }
        attacked.blocks.append(.tables(AttackTables.all(dataset, dataset, own)))
        var shown = Page.Section(name: anchor + "-samples", title: "\(dataset): the samples that go wrong")
        if let figure = ConfusionFigure.figure(dataset, own) { shown.blocks.append(.figure(figure)) }
        for model in own {
            do {
                guard let figure = try WorstSamplesFigure.figure(model) else { continue }
                shown.blocks.append(.figure(figure))
            } catch { omissions.append("the worst samples of \(model.label) on \(dataset): \(Failure(error).message)") }
        }
        return [attacked, shown].filter { !$0.blocks.isEmpty }
    }

    /// The learning curves of each run once, however many sets its network was evaluated on: a figure for each set that
    /// was trained on.
    private func learning() throws -> [Page.Block] {
        var seen = Set<String>()
        let trained = models.filter { model in
            model.networks.first?.run.map { seen.insert(absolutePath($0)).inserted } ?? false
        }
        let groups = Dictionary(grouping: trained) { $0.recipe?.dataset ?? $0.dataset }
        return try groups.sorted { $0.key < $1.key }.compactMap { dataset, own in
            try LearningFigure.figure(dataset, dataset, own).map { .figure($0) }
        }
    }
}
