import Essentials
import Foundation
import FoundationXML
import TestSupport
import Testing

import Reports

@Suite("The live page")
struct LiveTests {
    @Test("loads itself anew while the run goes on, and no more when it has ended", .timeLimit(.minutes(1)))
    func live() async throws {
        let folder = try TemporaryFile.makeFolder()
        try FileManager.default.makeDirectory(folder + "/run")
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let metrics = folder + "/run/metrics.jsonl"
        let page = folder + "/out/index.html"
        var text = ""
        for step in 1...5 {
            text +=
                "{\"event\":\"step\",\"step\":\(step),\"loss\":\(1.0 / Double(step)),\"error\":0.5,"
                + "\"images_per_second\":100}\n"
        }
        text += "{\"event\":\"epoch\",\"step\":5,\"epoch\":0,\"loss\":0.5,\"error\":0.25,\"images_per_second\":100}\n"
        text += "{\"event\":\"evaluation\",\"step\":5,\"attack\":\"pgd\",\"strength\":0.1,\"error\":0.75}\n"
        try text.write(toFile: metrics, atomically: true, encoding: .utf8)
        let live = try LiveReport(of: folder + "/run", output: folder + "/out", interval: 0.2)
        nonisolated(unsafe) let watched = live
        let end = text + "{\"event\":\"end\",\"step\":5}\n"
        let watching = Task.detached {
            try watched.watch {
                // The first page is there while the run goes on.
                let html = (try? String(contentsOfFile: page, encoding: .utf8)) ?? ""
                #expect(html.contains("http-equiv=\"refresh\"") && html.contains("0.2000") && html.contains("pgd"))
                #expect(XMLParser(data: Data(html.utf8)).parse())
                try? end.write(toFile: metrics, atomically: true, encoding: .utf8)
            }
        }
        try await watching.value
        let html = try String(contentsOfFile: page, encoding: .utf8)
        #expect(!html.contains("http-equiv=\"refresh\"") && html.contains("The run has ended."))
        // There is no column without a figure.
        #expect(html.contains("images/s") && !html.contains("validation"))
        for other in ["/none", "/out"] {
            #expect(throws: Failure.self) { try LiveReport(of: folder + other, output: folder + "/out") }
        }
    }

    @Test("takes no title and no paper's tables", arguments: [["--title", "T"], ["--paper"]])
    func refusals(option: [String]) throws {
        let result = try spawn("steadfast", arguments: ["report", "run", "--live", "--output", "out"] + option).wait()
        #expect(result.status == 64 && result.errors.contains(option[0]), "\(result.errors)")
    }
}
