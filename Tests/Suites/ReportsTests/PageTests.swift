import Checkpoints
import Essentials
import Foundation
import FoundationXML
import HDF5Files
import Robustness
import TestSupport
import Testing

import Reports

@Suite("The report's page")
struct PageTests {
    /// Everything that a name may hold and a page must not.
    private static let hostile = "<script>alert(\"1\")</script>&'`rm -rf`\u{1}$d|x,y"

    @Test("is well-formed whatever things are called, and holds every table and figure, as files too")
    func page() throws {
        try withTemporaryDirectory { folder in
            let name = "\(folder)/r/\(Self.hostile.replacingOccurrences(of: "/", with: "_"))"
            func rows(_ checkpoint: String) -> [SummaryRow] {
                Reading.all.flatMap { reading in
                    PaperTable.mnist.strengths.map { row(reading.attack, $0, 0.1 + $0, checkpoint: checkpoint) }
                } + [
                    row("clean", 0, 0.02, checkpoint: checkpoint),
                    row("pgd:steps=20", 0.1, 0.5, rejected: 0.1, checkpoint: checkpoint),
                    row("pgd:steps=20", 0.2, 0.9, checkpoint: checkpoint),
                    row("nonsense:family=uniform", 0.1, 0.5, checkpoint: checkpoint),
                    row("corruptions", 0.2, 0.5, checkpoint: checkpoint),
                ]
            }
            try write(rows(name), to: folder + "/in/a")
            try write(rows("\(folder)/mnist-mrelu-r-m/seed-1"), to: folder + "/in/b")
            let diagnosis =
                "checkpoint,eps,flag,figure,threshold,raised,meaning\n\(folder)/mnist-mrelu-r-m/seed-1,0.1,one step "
                + "overstates,0.78,0.5,yes,x\n"
            try diagnosis.write(toFile: folder + "/in/b/diagnosis.csv", atomically: true, encoding: .utf8)
            let worst = "h\n\(folder)/mnist-mrelu-r-m/seed-1,ball,0.1,pgd,10,0.75,0.5,0.1,pgd:steps=20,0.7\n"
            try worst.write(toFile: folder + "/in/b/worst.csv", atomically: true, encoding: .utf8)
            let report = try Report(of: [folder + "/in"], output: folder + "/out", paper: true)
            try report.writeTables()
            try report.writePage()
            let html = try String(contentsOfFile: folder + "/out/index.html", encoding: .utf8)
            let parser = XMLParser(data: Data(html.utf8))
            #expect(parser.parse(), "\(parser.parserError.map { "\($0)" } ?? "") at line \(parser.lineNumber)")
            #expect(!html.contains("<script") && !html.contains("src=") && !html.contains("<link"))
            #expect(
                html.contains("&lt;script&gt;") && html.contains("prefers-color-scheme: dark")
                    && html.contains("@media print"))
            for heading in [
                "Table 2, MNIST: adversarial, batch mode", "Table 2, MNIST: adversarial, evaluation mode", "Figure 9",
                "Figure 1:", "Figure 6", "Lemma 1", "gradients masked: one-step overstates", "nonsense:family=uniform",
                "pgd:steps=20", "the worst of all attacks",
            ] {
                #expect(html.contains(heading), "\(heading)")
            }
            // The networks are not there: their figures are left out, and the page says so.
            #expect(report.omissions.count == 2 && html.contains("Left out:"))
            let files = try FileManager.default.subpathsOfDirectory(atPath: folder + "/out")
            for file in [
                "summary.csv", "tables.md", "tables/table2-mnist-adversarial-batch.csv", "tables/lemma-1.csv",
                "figures/figure-9-adversarial-batch.svg", "figures/figure-9-adversarial-batch.png",
                "figures/figure-1-rbf.svg",
            ] {
                #expect(files.contains(file), "\(file)")
            }
            for file in files where file.hasSuffix(".svg") {
                let svg = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/out/\(file)"))
                #expect(XMLParser(data: svg).parse(), "\(file)")
            }
            let png = try Data(contentsOf: URL(fileURLWithPath: folder + "/out/figures/figure-1-rbf.png"))
            #expect(png.starts(with: [0x89, 0x50, 0x4E, 0x47]))
            #expect(!files.contains { $0.contains(".partial-") })
        }
    }

    @Test(
        "is about the networks unless the paper is asked for: nothing of the paper, and no figure without data"
    )
    func neutral() throws {
        try withTemporaryDirectory { folder in
            let name = "\(folder)/r/\(Self.hostile.replacingOccurrences(of: "/", with: "_"))"
            let rows = [
                row("clean", 0, 0.02, checkpoint: name, dataset: "my-set", samples: 150),
                row("pgd:steps=20", 0.1, 0.5, rejected: 0.1, checkpoint: name, dataset: "my-set", samples: 150),
                row("pgd:steps=20", 0.2, 0.9, checkpoint: name, dataset: "my-set", samples: 150),
            ]
            try write(rows, to: folder + "/mine/a")
            let origin = CSVText.fields(of: [name, "validation", "7", "300", "2", "abc"])
            try "\(NetworkRow.header)\n\(origin)\n".write(
                toFile: folder + "/mine/a/networks.csv", atomically: true, encoding: .utf8)
            let confusion = CSVText.fields(of: [name, "clean", "0"])
            try "h\n\(confusion),0,0,75\n\(confusion),1,0,75\n".write(
                toFile: folder + "/mine/a/confusion.csv", atomically: true, encoding: .utf8)
            var results = HDF5Tree()
            results.rootAttributes = [
                "classes": .int64(2), ClassNames.attribute: .string(ClassNames.text(["pole star", "b"])),
            ]
            try SealedFile.write(results, to: folder + "/mine/a/results.h5")
            let report = try Report(of: [folder + "/mine"], output: folder + "/out")
            try report.writeTables()
            try report.writePage()
            let html = try String(contentsOfFile: folder + "/out/index.html", encoding: .utf8)
            let parser = XMLParser(data: Data(html.utf8))
            #expect(parser.parse(), "\(parser.parserError.map { "\($0)" } ?? "") at line \(parser.lineNumber)")
            #expect(html.components(separatedBy: "<script").count == 2 && !html.contains("src="))
            #expect(
                html.contains("<title>mine</title>")
                    && html.contains("1 network on <b>my-set</b>, 150 validation samples"))
            for heading in ["accuracy over strength", "confusion on clean images", "pgd:steps=20 at 0.2", "pole star"] {
                #expect(html.contains(heading), "\(heading)")
            }
            for word in ["Lemma", "Zhao", "Table 2", "Figure", "the paper", "sure and wrong", "Recipes"] {
                #expect(!html.contains(word), "\(word)")
            }
            let networks = try String(contentsOfFile: folder + "/out/networks.csv", encoding: .utf8)
            #expect(networks == "\(NetworkRow.header)\n\(origin)\n")
            // Without names the axes have whole numbers.
            try FileManager.default.removeItem(atPath: folder + "/mine/a/results.h5")
            let named = try Report(of: [folder + "/mine"], output: folder + "/b", title: "A <title>")
            try named.writePage()
            let figure = try #require(
                FileManager.default.contentsOfDirectory(atPath: folder + "/b/figures").first {
                    $0.hasPrefix("confusion") && $0.hasSuffix(".svg")
                })
            let drawn = try String(contentsOfFile: "\(folder)/b/figures/\(figure)", encoding: .utf8)
            #expect(drawn.contains("prediction") && !drawn.contains("0.5<"))
            let other = try String(contentsOfFile: folder + "/b/index.html", encoding: .utf8)
            #expect(other.contains("<title>A &lt;title&gt;</title>"))
        }
    }

    @Test("the figures of a network say on how many images, and name batch norm only where there is one")
    func features() throws {
        try withTemporaryDirectory { folder in
            try writeBarImages(to: folder + "/bars")
            try barRecipe("plain").write(toFile: folder + "/bars.yaml", atomically: true, encoding: .utf8)
            let run = folder + "/run"
            for arguments in [
                ["train", folder + "/bars.yaml", "--run", run, "--data-directory", folder, "--set", "max_steps=2"],
                ["evaluate", run, "--output", folder + "/e", "--attacks", "clean"],
                ["report", folder + "/e", "--output", folder + "/page", "--paper"],
            ] {
                let result = try spawn("steadfast", arguments: arguments).wait(timeout: 120)
                #expect(result.status == 0, "\(result.errors)")
            }
            let html = try String(contentsOfFile: folder + "/page/index.html", encoding: .utf8)
            #expect(html.contains("Values of 4 channels at the middle entry of conv1: histograms and pairs, on 60 "))
            #expect(html.contains("over 60 test images") && !html.contains("2000 test images"))
        }
    }

    @Test("shows the worst samples of each part of a set, and a network's learning curves once")
    func parts() throws {
        try withTemporaryDirectory { folder in
            func put(_ bytes: [UInt8], at name: String) throws {
                let path = URL(fileURLWithPath: "\(folder)/\(name)")
                try FileManager.default.makeDirectory(path.deletingLastPathComponent().path)
                try Data(bytes).write(to: path)
            }
            try put(NumPy.npy("|u1", [10, 5, 5, 3], [UInt8](repeating: 7, count: 750)), at: "data/Bars-C/fog.npy")
            try put(NumPy.npy("|u1", [2], [1, 0]), at: "data/Bars-C/labels.npy")
            try put(Array(barRecipe("plain").utf8), at: "run/recipe.yaml")
            let epoch =
                #"{"event":"epoch","step":5,"epoch":0,"loss":0.5,"error":0.25,"images_per_second":100}"# + "\n"
            try put(Array(epoch.utf8), at: "run/metrics.jsonl")
            let parts = ["fog/1", "fog/2"]
            try write(
                parts.map { row("clean", 0, 0.5, checkpoint: folder + "/run", dataset: "Bars-C/\($0)", samples: 2) },
                to: folder + "/in")
            for part in parts {
                var results = HDF5Tree()
                results.rootAttributes = [
                    "classes": .int64(2), "split": .string("test"), "data_directory": .string(folder + "/data"),
                    "dataset_locator": .string("Bars-C:part=" + part),
                ]
                results.tensors = [
                    "samples/index": Tensor(shape: [2], elements: .int32([0, 1])),
                    "samples/label": Tensor(shape: [2], elements: .int16([1, 0])),
                    "attacks/clean/prediction": Tensor(shape: [1, 2], elements: .int16([0, 0])),
                    "attacks/clean/confidence": Tensor(shape: [1, 2], [0.9, 0.8]),
                ]
                let place = "\(folder)/in/Bars-C_" + part.replacingOccurrences(of: "/", with: "_")
                try FileManager.default.makeDirectory(place)
                try SealedFile.write(results, to: place + "/results.h5")
            }
            let report = try Report(of: [folder + "/in"], output: folder + "/out")
            #expect(report.omissions.isEmpty, "\(report.omissions)")
            try report.writePage()
            let html = try String(contentsOfFile: folder + "/out/index.html", encoding: .utf8)
            #expect(html.components(separatedBy: "sure and wrong").count == 3)
            #expect(html.components(separatedBy: "Learning curves").count == 2)
            #expect(html.contains("Learning curves, bars"))
        }
    }

    @Test("of broken or missing input is one sentence")
    func refusals() throws {
        try withTemporaryDirectory { folder in
            try FileManager.default.createDirectory(atPath: folder + "/a", withIntermediateDirectories: true)
            for text in ["", "checkpoint,dataset\n", "\u{0}\u{1}\u{2}", SummaryRow.header + "\na.h5,mnist,clean,0\n"] {
                try text.write(toFile: folder + "/a/summary.csv", atomically: true, encoding: .utf8)
                let failure = #expect(throws: Failure.self) { try Report(of: [folder], output: folder + "/out") }
                #expect(failure?.code == .data && failure?.message.contains("summary.csv") == true)
                #expect(failure?.message.contains("\n") == false)
            }
            // A summary without rows is whole, and nothing to compare: the page is made all the same.
            try (SummaryRow.header + "\n").write(toFile: folder + "/a/summary.csv", atomically: true, encoding: .utf8)
            #expect(try Report(of: [folder], output: folder + "/out").summary.rows.isEmpty)
            let failure = #expect(throws: Failure.self) { try Gnuplot(environment: ["PATH": folder]) }
            #expect(failure?.code == .unavailable && failure?.message.contains("gnuplot") == true)
        }
    }

    @Test("escapes every text that is put into it, and nothing else")
    func escaping() {
        let name = "<b>&\"\u{7}"
        let html: HTML = "<i title=\"\(name)\">\(name)</i>\("<u/>" as HTML)"
        #expect(html.text == "<i title=\"&lt;b&gt;&amp;&quot;?\">&lt;b&gt;&amp;&quot;?</i><u/>")
        #expect(Gnuplot.quoted("it's `date` \n$x") == "'it''s ?date? ?$x'")
    }
}
