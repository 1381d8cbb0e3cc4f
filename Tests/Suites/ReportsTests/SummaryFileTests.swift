import Essentials
import Foundation
import Reports
import Robustness
import TestSupport
import Testing

@Suite("Summaries put together")
struct SummaryFileTests {
    private let first = [
        "a.h5,mnist,clean,0,inf,10,0.100000,0.100000,0.000000,0.900000",
        "a.h5,mnist,\"pgd:steps=2,quoted \"\"so\"\"\",0.1,20.00,10,0.500000,0.400000,0.100000,0.700000",
    ]
    private let second = ["b.h5,mnist,clean,0,inf,10,0.200000,0.200000,0.000000,0.800000"]

    @Test("hold every row once, in order, byte by byte as they were")
    func merge() throws {
        try withFiles([first, second, first]) { paths in
            var summary = SummaryFile()
            for path in paths { try summary.add(contentsOf: path) }
            #expect(summary.text == ([SummaryRow.header] + first + second).joined(separator: "\n") + "\n")
            #expect(summary.rows.map(\.attack) == ["clean", "pgd:steps=2,quoted \"so\"", "clean"])
            #expect(summary.rows[1].error == 0.5 && summary.rows[1].samples == 10)
        }
    }

    @Test("are refused where they contradict each other, are cut off, are none, or are not there")
    func refusals() throws {
        let other = ["a.h5,mnist,clean,0,inf,10,0.300000,0.300000,0.000000,0.900000"]
        try withFiles([first, other, ["a.h5,mnist,clean"]]) { paths in
            var summary = SummaryFile()
            try summary.add(contentsOf: paths[0])
            #expect(
                throws: Failure(
                    .data,
                    "\(paths[0]) and \(paths[1]) differ in clean at 0 on a.h5: they are not parts of one evaluation; "
                        + "name the directories of one"
                )
            ) {
                try summary.add(contentsOf: paths[1])
            }
            #expect(throws: Failure(.data, "\(paths[2]), line 2: not a row of a summary: evaluate again")) {
                try summary.add(contentsOf: paths[2])
            }
            let whole = try Data(contentsOf: URL(fileURLWithPath: paths[0]))
            try whole.dropLast(5).write(to: URL(fileURLWithPath: paths[0]))
            #expect(throws: Failure(.data, "\(paths[0]) is not a whole summary.csv: evaluate again")) {
                try summary.add(contentsOf: paths[0])
            }
            #expect(throws: Failure.self) { try summary.add(contentsOf: paths[0] + ".none") }
        }
    }

    @Test("take names with commas, quotation marks and line ends as evaluations write them")
    func names() throws {
        for name in ["a,b.h5", "a\nb.h5", "a \"b\".h5", "a\r\nb.h5", "a\rb.h5", "ä\n"] {
            let line = row("clean", 0, 0.25, checkpoint: name).line
            try withFiles([[line], first, [line]]) { paths in
                var summary = SummaryFile()
                for path in paths { try summary.add(contentsOf: path) }
                #expect(summary.rows.map(\.checkpoint) == [name, "a.h5", "a.h5"])
                #expect(summary.text == ([SummaryRow.header, line] + first).joined(separator: "\n") + "\n")
            }
        }
    }

    @Test("hold evaluations of a network on different numbers of samples side by side")
    func samples() throws {
        let fewer = ["a.h5,mnist,clean,0,inf,5,0.200000,0.200000,0.000000,0.900000"]
        try withFiles([first, fewer]) { paths in
            var summary = SummaryFile()
            for path in paths { try summary.add(contentsOf: path) }
            #expect(summary.rows.map(\.samples) == [10, 10, 5])
        }
    }

    private func withFiles(_ files: [[String]], _ body: ([String]) throws -> Void) throws {
        try withTemporaryDirectory { folder in
            let paths = files.indices.map { "\(folder)/\($0).csv" }
            for (path, lines) in zip(paths, files) {
                try (([SummaryRow.header] + lines).joined(separator: "\n") + "\n").write(
                    toFile: path, atomically: true, encoding: .utf8)
            }
            try body(paths)
        }
    }
}
