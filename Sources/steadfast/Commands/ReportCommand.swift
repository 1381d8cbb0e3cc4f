import ArgumentParser
import Essentials
import Foundation
import Reports

/// `steadfast report`.
struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report", abstract: "Put the results of evaluations together, beside the paper's.",
        discussion: """
            The output directory gets index.html, a page with the paper's tables and figures beside ours; the same tables as CSV and \
            Markdown, the same figures as SVG and PNG; and one summary.csv over all, as if one process had done everything; its \
            table is printed. The figures need gnuplot.
            """)

    @Argument(help: "Directories of evaluations, or directories above them at any depth; with --live one run.")
    var directories: [String]

    @Option(help: "The directory for the report.")
    var output: String

    @Flag(help: "Rewrite a page on a run every few seconds until the run ends.")
    var live = false

    func run() throws {
        if live {
            guard directories.count == 1 else { throw Failure(.usage, "--live takes one run") }
            try LiveReport(of: directories[0], output: output).watch { print("live: \(output)/index.html") }
            return
        }
        let report = try Report(of: directories, output: output)
        try report.writeTables()
        print(SummaryTable(report.summary.rows))
        for omission in report.omissions {
            try? FileHandle.standardError.write(contentsOf: Data("steadfast: left out: \(omission)\n".utf8))
        }
        try report.writePage()
        print("written: \(output)/summary.csv, \(output)/index.html")
    }
}
