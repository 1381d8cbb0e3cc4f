import Checkpoints
import Essentials
import Foundation
import Robustness

/// The report on some evaluations: one page, its tables as CSV and Markdown, its figures as SVG and PNG, and one
/// `summary.csv` and `networks.csv` over all.
///
///     index.html  summary.csv  networks.csv  tables.md  tables/NAME.csv  figures/NAME.svg  figures/NAME.png
public struct Report {
    /// The rows of all evaluations, as parts of one.
    public let summary: SummaryFile
    /// The figures that could not be drawn, a sentence each.
    public private(set) var omissions: [String] = []

    private let output: String
    private let page: Page
    private let networks: [NetworkRow]

    /// Collects what lies in some directories, at any depth.
    ///
    /// Local; reads only. A figure for which a checkpoint or a data set is missing is left out, and said to be.
    ///
    /// - Parameters:
    ///   - directories: of evaluations, or above them.
    ///   - output: the directory of the report.
    ///   - title: of the page; nil for the first directory's name, or that of the paper's reproduction.
    ///   - paper: set the evaluations beside the paper's tables and figures.
    /// - Throws: `Failure` 66 where a directory holds no evaluation, 65 where files are damaged or contradict each
    ///   other.
    public init(of directories: [String], output: String, title: String? = nil, paper: Bool = false) throws {
        self.output = output
        var summary = SummaryFile()
        var evaluations: [(folder: String, rows: [SummaryRow])] = []
        for directory in directories {
            for folder in try EvaluationFinder.folders(in: directory, except: output) {
                try summary.add(contentsOf: "\(folder)/\(SummaryRow.file)")
                var own = SummaryFile()
                try own.add(contentsOf: "\(folder)/\(SummaryRow.file)")
                evaluations.append((folder, own.rows))
            }
        }
        self.summary = summary
        networks = evaluations.flatMap { NetworkRow.read($0.folder) }
        let models = EvaluatedModel.collect(EvaluatedNetwork.collect(evaluations))
        guard !paper else {
            var builder = ReportBuilder(models, networks)
            page = try builder.page(title: title)
            omissions = builder.omissions
            return
        }
        let own = directories.first.map { NetworkName(path: $0).name } ?? ""
        let sweeps = try directories.enumerated().compactMap { place, directory in
            try SweepSection.section(directory, name: place == 0 ? "sweep" : "sweep-\(place + 1)")
        }
        var builder = NetworksPage(models, networks, sweeps: sweeps)
        page = try builder.page(title: title ?? own)
        omissions = builder.omissions
    }

    /// Writes `summary.csv` and the tables, which need nothing but the evaluations.
    ///
    /// - Throws: `Failure` 73 or 74 where files cannot be written.
    public func writeTables() throws {
        try FileManager.default.makeDirectory(output)
        try AtomicFile.write(summary.text, to: "\(output)/\(SummaryRow.file)")
        try NetworkRow.write(networks, to: output)
        try PageFiles.writeTables(page, to: output)
    }

    /// Draws the figures and writes them and the page.
    ///
    /// - Throws: `Failure` 69 where gnuplot is not installed, 70 where it fails, 73 or 74 where files cannot be
    ///   written.
    public func writePage() throws { try PageFiles.writePage(page, to: output, with: try Gnuplot()) }
}

/// The files of a page.
enum PageFiles {
    /// `tables/NAME.csv`, and all of them in `tables.md`.
    static func writeTables(_ page: Page, to output: String) throws {
        try FileManager.default.makeDirectory(output + "/tables")
        for table in page.tables { try AtomicFile.write(table.csv, to: "\(output)/tables/\(table.name).csv") }
        let text = "# \(page.title)\n\n" + page.tables.map(\.markdown).joined(separator: "\n")
        try AtomicFile.write(text, to: output + "/tables.md")
    }

    /// `figures/NAME.svg`, `figures/NAME.png` and `index.html`.
    static func writePage(_ page: Page, to output: String, with gnuplot: Gnuplot) throws {
        let drawn = try gnuplot.draw(page.figures.flatMap(\.panels))
        try FileManager.default.makeDirectory(output + "/figures")
        for (name, panel) in drawn.sorted(by: { $0.key < $1.key }) {
            try AtomicFile.write(
                "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n" + panel.svg, to: "\(output)/figures/\(name).svg")
            try AtomicFile.write(panel.png, to: "\(output)/figures/\(name).png")
        }
        try AtomicFile.write(page.html(drawn), to: output + "/index.html")
    }
}
