import Checkpoints
import Essentials
import Foundation
import Robustness

/// Puts the report's page together from the models.
struct ReportBuilder {
    private let models: [EvaluatedModel]
    private let rows: [NetworkRow]
    /// The figures that could not be drawn, a sentence each.
    private(set) var omissions: [String] = []

    /// The network of a model and its checkpoint, read once.
    private var checkpoints: [String: Checkpoint] = [:]

    init(_ models: [EvaluatedModel], _ rows: [NetworkRow]) { (self.models, self.rows) = (models, rows) }

    /// The page.
    mutating func page(title: String?) throws -> Page {
        var sections: [Page.Section] = []
        for paper in PaperTable.all { if let section = try reproduction(paper) { sections.append(section) } }
        sections += other()
        sections.append(functions())
        sections += beyond()
        sections.append(files())
        return Page(
            title: title ?? "Suppressing the unusual, reproduced", introduction: introduction, sections: sections)
    }

    private var introduction: HTML {
        let networks = models.reduce(0) { $0 + $1.networks.count }
        let words = "\(counted(networks, "network")) of \(counted(models.count, "model"))"
        return """
            <p>The tables and figures of <cite>Suppressing the Unusual: towards Robust CNNs using Symmetric Activation
            Functions</cite> (Zhao &amp; Griffin 2016, <a href="https://arxiv.org/abs/1603.05145">arXiv 1603.05145</a>)
            beside those of \(words) that steadfast \(Product.version) trained and attacked. Every number of ours is
            read
            from the evaluations' own files.</p>
            \(Cards.html(models, rows))
            """
    }

    /// The paper's table of a data set, its curves and its samples; nil where nothing of it was evaluated.
    private mutating func reproduction(_ paper: PaperTable) throws -> Page.Section? {
        guard models.contains(where: { $0.dataset == paper.dataset }) else { return nil }
        var section = Page.Section(
            name: paper.dataset, title: "\(paper.title): table \(paper.number) beside ours",
            text: Texts.protocols(paper))
        let tables = ComparisonTables.tables(paper, models)
        section.blocks.append(.tables(tables))
        if let figure = AccuracyFigure.figure(paper, models) { section.blocks.append(.figure(figure)) }
        if let model = preferred(paper.dataset, ["mReLU-r-m"]) {
            draw("the samples of \(model.label)") { builder in
                [try SamplesFigure.figure(paper, try builder.checkpoint(model), name: model.label)]
            }.forEach { section.blocks.append(.figure($0)) }
        }
        section.blocks.append(.tables(ModelTables.tables(paper, models)))
        let own = models.filter { $0.dataset == paper.dataset }
        if let figure = try LearningFigure.figure(paper.dataset, paper.title, own) {
            section.blocks.append(.figure(figure))
        }
        return section
    }

    /// Data sets that the paper has no table of.
    private func other() -> [Page.Section] {
        let known = PaperTable.all.map(\.dataset)
        let datasets = models.map(\.dataset).uniqued.filter { !known.contains($0) }
        return datasets.map { dataset in
            let own = models.filter { $0.dataset == dataset }
            return Page.Section(
                name: "data-" + dataset.filter { $0.isLetter || $0.isNumber }, title: dataset,
                blocks: [.tables(AttackTables.all(dataset, dataset, own))])
        }
    }

    /// Figures 1, 3, 4 and 6, and Lemma 1.
    private mutating func functions() -> Page.Section {
        var section = Page.Section(
            name: "functions", title: "Why symmetric functions",
            blocks: [.figure(ActivationFigure.figure)])
        if let model = preferred("mnist", ["plain"]) ?? models.first {
            draw("the features of \(model.label)") { builder in
                try FeatureFigures.figures(try builder.checkpoint(model), name: "\(model.label) on \(model.dataset)")
            }.forEach { section.blocks.append(.figure($0)) }
        }
        section.blocks += [
            .figure(DiscFigure.figure), .tables([LemmaTable.table(), LemmaTable.rectifiedTable()]),
        ]
        return section
    }

    /// Results that the paper could not know; each section where its data are there.
    private func beyond() -> [Page.Section] {
        let titles = Dictionary(uniqueKeysWithValues: PaperTable.all.map { ($0.dataset, $0.title) })
        var sections: [Page.Section] = []
        func add(_ name: String, _ title: String, _ text: HTML, _ tables: [Table], _ figures: [Figure] = []) {
            guard !tables.isEmpty else { return }
            sections.append(
                Page.Section(
                    name: name, title: title, text: text, blocks: figures.map { .figure($0) } + [.tables(tables)]))
        }
        let datasets = models.map(\.dataset).uniqued
        func each(_ make: (String, String, [EvaluatedModel]) -> [Table]) -> [Table] {
            datasets.flatMap { dataset in
                make(dataset, titles[dataset] ?? dataset, models.filter { $0.dataset == dataset })
            }
        }
        add(
            "strong", "Under today's attacks", Texts.strong, each(AttackTables.strong),
            datasets.compactMap { StrongFigure.figure($0, titles[$0] ?? $0, models) })
        add("masking", "Are the gradients masked?", Texts.masking, DiagnosisTable.tables(models))
        add("nonsense", "Other nonsense", Texts.nonsense, each(AttackTables.nonsense))
        add("other", "Other noises and corruptions", Texts.other, each(AttackTables.other))
        add("robust", "Networks trained to withstand", Texts.robust, each(RecipeTables.robust))
        add("ablations", "Ablations, and beyond the paper's best", Texts.ablations, each(RecipeTables.ablations))
        return sections
    }

    private func files() -> Page.Section {
        let missing: HTML =
            omissions.isEmpty
            ? "" : "<p>Left out:</p><ul>\(.joined(omissions.map { "<li>\($0)</li>" }))</ul>"
        return Page.Section(
            name: "files", title: "How this was made",
            text: """
                \(Texts.files)\(missing)
                """)
    }

    private func preferred(_ dataset: String, _ labels: [String]) -> EvaluatedModel? {
        let own = models.filter { $0.dataset == dataset }
        return own.first { labels.contains($0.label) } ?? own.first
    }

    private mutating func checkpoint(_ model: EvaluatedModel) throws -> Checkpoint {
        let key = "\(model.dataset)/\(model.name)"
        if let known = checkpoints[key] { return known }
        let checkpoint = try model.networks[0].load()
        checkpoints[key] = checkpoint
        return checkpoint
    }

    /// The figures that need a network and its data; none, and a note, where these are missing.
    private mutating func draw(_ what: String, _ make: (inout ReportBuilder) throws -> [Figure]) -> [Figure] {
        do { return try make(&self) } catch {
            omissions.append("\(what): \((error as? Failure)?.message ?? "\(error)")")
            return []
        }
    }
}
