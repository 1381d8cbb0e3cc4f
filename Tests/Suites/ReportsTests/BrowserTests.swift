import Foundation
import TestSupport
import Testing

@Suite(
    "The page where people see it: Chromium", .serialized,
    .enabled(if: ProcessInfo.processInfo.environment["STEADFAST_TEST_ALL"] != nil && Browser.isInstalled))
struct BrowserTests {
    private func steadfast(_ arguments: String...) throws {
        let result = try spawn("steadfast", arguments: arguments).wait(timeout: 200)
        #expect(result.status == 0, "\(arguments): \(result.errors)")
    }

    /// Looks at a page on a phone and on a desk, by day and by night.
    private func look(_ browser: Browser, _ page: String) throws {
        var grounds = Set<String>()
        for width in [360, 1280] {
            for isDark in [false, true] {
                try browser.open(page, width: width, isDark: isDark)
                #expect(try browser.value("document.documentElement.scrollWidth", as: Int.self) <= width)
                let figures = try browser.value(
                    "[...document.querySelectorAll('.panel svg')].map(s => s.getBoundingClientRect().width)",
                    as: [Double].self)
                #expect(!figures.isEmpty && figures.allSatisfy { $0 > 50 }, "\(width): \(figures)")
                #expect(
                    try browser.value(
                        "[...document.images].every(i => i.complete && i.naturalWidth > 0)", as: Bool.self))
                let colours = try ["backgroundColor", "color"].map {
                    try browser.value("getComputedStyle(document.body).\($0)", as: String.self)
                }
                #expect(colours[0] != colours[1])
                grounds.insert(colours[0])
            }
        }
        #expect(grounds.count == 2, "light and dark differ: \(grounds)")
        #expect(browser.errors.isEmpty, "\(browser.errors)")
    }

    @Test("the page of a sweep: every figure is drawn, nothing overflows, a click on a heading sorts")
    func report() throws {
        try withTemporaryDirectory { folder in
            try steadfast(
                "sweep", "glyphs-mrelu-r-m", "--runs", folder + "/s", "--set", "batch=24", "--set", "max_steps=40",
                "--set",
                "validation=200", "--set", "mean_training.samples=600", "--sweep", "learning_rate=0.001,0.01,0.1",
                "--attacks", "clean,pgd:steps=2", "--strengths", "0.05,0.1", "--samples", "100", "--quiet")
            let browser = try Browser()
            let page = folder + "/s/report/index.html"
            try look(browser, page)
            try browser.open(page, width: 1280, isDark: false)
            // The pictures of a figure are one, beside each other: drawn apart they would be polygons, and askew.
            let pictures = "document.querySelectorAll('figure[id^=worst] svg image').length"
            let figures = "document.querySelectorAll('figure[id^=worst] svg').length"
            #expect(
                try browser.value(pictures, as: Int.self) == browser.value(figures, as: Int.self)
                    && browser.value(figures, as: Int.self) > 0)
            let column = "[...document.querySelectorAll('#networks tbody tr')].map(r => r.cells[0].innerText)"
            let before = try browser.value(column, as: [String].self)
            let click = "document.querySelector('#networks thead tr:last-child th').click()"
            _ = try browser.value(click + ", 1", as: Int.self)
            #expect(try browser.value(column, as: [String].self) == before.sorted())
            _ = try browser.value(click + ", 1", as: Int.self)
            #expect(try before.count == 3 && browser.value(column, as: [String].self) == before.sorted().reversed())
            #expect(browser.errors.isEmpty, "\(browser.errors)")
        }
    }

    @Test("the live view while a run goes on, and when it has ended")
    func live() throws {
        try withTemporaryDirectory { folder in
            let training = try spawn(
                "steadfast",
                arguments: [
                    "train", "glyphs-mrelu-r-m", "--run", folder + "/run", "--set", "batch=50", "--set",
                    "validation=200", "--set", "epochs=3",
                ])
            let limit = Date().addingTimeInterval(60)
            while !FileManager.default.fileExists(atPath: folder + "/run/metrics.jsonl"), Date() < limit {
                usleep(50_000)
            }
            let live = try spawn(
                "steadfast", arguments: ["report", folder + "/run", "--live", "--output", folder + "/live"])
            let page = folder + "/live/index.html"
            while !FileManager.default.fileExists(atPath: page), Date() < limit { usleep(50_000) }
            let browser = try Browser()
            while try String(contentsOfFile: page, encoding: .utf8).contains("class=\"panel") == false, Date() < limit {
                usleep(100_000)
            }
            #expect(training.isRunning)
            try look(browser, page)
            #expect(try training.wait(timeout: 200).status == 0)
            #expect(try live.wait(timeout: 60).status == 0)
            try look(browser, page)
            let text = try browser.value("document.body.innerText", as: String.self)
            #expect(text.contains("The run has ended.") && text.contains("drawn"))
        }
    }
}
