import ArgumentParser
import Essentials
import Foundation
import Reports

/// `steadfast report`.
struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report", abstract: "Put the results of evaluations together: one page on some networks.",
        discussion: """
            The output directory gets index.html, a page that needs no other file: accuracy under each attack, \
            confusion, the worst samples, verdicts, recipes, the table of runs; with --paper the paper's tables and \
            figures beside them. The same tables as CSV and Markdown, the same figures as SVG and PNG; one summary.csv \
            and one networks.csv over all, as if one process had done everything. The summary's table is printed. The \
            figures need gnuplot.
            """)

    @Argument(
        help: "Directories of evaluations, or directories above them at any depth; with --live one run.",
        completion: .directory)
    var directories: [String]

    @Option(help: "The directory for the report.", completion: .directory)
    var output: String

    @Option(help: "The page's title. Default: the name of the first directory.")
    var title: String?

    @Flag(help: "Set the networks beside the tables and figures of the paper (Zhao & Griffin 2016).")
    var paper = false

    @Flag(help: "Rewrite a page on a run every few seconds until the run ends.")
    var live = false

    func run() throws {
        if live {
            guard directories.count == 1 else { throw Failure(.usage, "--live takes one run") }
            guard title == nil, !paper else {
                throw Failure(.usage, "--live does not go with --title and --paper: it makes a page on one run")
            }
            try LiveReport(of: directories[0], output: output).watch {
                print("live: \(output)/index.html")
                fflush(nil)
            }
            return
        }
        let report = try Report(of: directories, output: output, title: title, paper: paper)
        try report.writeTables()
        print(SummaryTable(report.summary.rows))
        for omission in report.omissions { Console.say("left out: \(omission)") }
        try report.writePage()
        print("written: \(output)/summary.csv, \(output)/index.html")
    }
}
