import ArgumentParser
import Essentials
import Foundation
import Reports

/// `steadfast report`.
struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report", abstract: "Put the results of evaluations together.",
        discussion: "DIR gets one summary.csv over all, as if one process had done everything; its table is printed.")

    @Argument(help: "Directories of evaluations, or runs that were evaluated beside their training.")
    var directories: [String]

    @Option(help: "The directory for the report.")
    var output: String

    func run() throws {
        var summary = SummaryFile()
        for directory in directories {
            let own = directory + "/summary.csv"
            let beside = directory + "/evaluation/summary.csv"
            try summary.add(contentsOf: FileManager.default.fileExists(atPath: beside) ? beside : own)
        }
        try FileManager.default.makeDirectory(output)
        try AtomicFile.write(summary.text, to: output + "/summary.csv")
        print(SummaryTable(summary.rows))
        print("written: \(output)/summary.csv")
    }
}
