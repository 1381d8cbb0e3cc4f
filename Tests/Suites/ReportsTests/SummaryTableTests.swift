import Foundation
import Reports
import Robustness
import Testing

@Suite("The table of a summary")
struct SummaryTableTests {
    @Test("has a row for each strength and a column for each attack, empty where an attack has no such strength")
    func table() {
        func row(_ attack: String, _ strength: Double, _ error: Double, _ rejected: Double) -> SummaryRow {
            SummaryRow(
                checkpoint: "a.h5", dataset: "mnist", attack: attack, strength: strength, samples: 500, error: error,
                wrong: error - rejected, rejected: rejected, meanConfidence: 0.9)
        }
        let rows = [
            row("clean", 0, 0.016, 0), row("fgs-lmax:gradient-mode=batch", 0.1, 0.029, 0.001),
            row("fgs-lmax:gradient-mode=batch", 0.25, 0.0834, 0.02),
        ]
        let lines = SummaryTable(rows).description.split(separator: "\n").map(String.init)
        #expect(lines.count == 5 && lines[0] == "a.h5, 500 samples of mnist: error (share rejected)")
        #expect(
            lines[1].split(separator: " ").map(String.init) == ["strength", "clean", "fgs-lmax:gradient-mode=batch"])
        #expect(lines[2].split(separator: " ") == ["0.000", "0.016", "(0.000)"])
        #expect(lines[4].split(separator: " ") == ["0.250", "0.083", "(0.020)"])
        #expect(Set(lines[1...].map(\.count)).count == 1)
    }

    @Test("for each data set that a checkpoint was evaluated on")
    func sets() {
        func row(_ dataset: String, _ error: Double) -> SummaryRow {
            SummaryRow(
                checkpoint: "a.h5", dataset: dataset, attack: "clean", strength: 0, samples: 10, error: error,
                wrong: error,
                rejected: 0, meanConfidence: 0.9)
        }
        let text = SummaryTable([row("C/fog/1", 0.1), row("C/fog/2", 0.3)]).description
        #expect(text.contains("10 samples of C/fog/1") && text.contains("10 samples of C/fog/2"))
        #expect(text.contains("0.100") && text.contains("0.300"))
    }

    @Test("over evaluations of unequal size each column says its samples, the headline their span")
    func sizes() {
        let rows = [
            row("clean", 0, 0.1, samples: 100), row("clean", 0, 0.2, samples: 300), row("fgsm", 0.1, 0.5, samples: 100),
        ]
        let lines = SummaryTable(rows).description.split(separator: "\n").map(String.init)
        #expect(lines[0] == "a.h5, 100 to 300 samples of mnist: error (share rejected)")
        #expect(lines[1].contains("clean [300]") && lines[1].contains("fgsm [100]"))
        #expect(lines[2].contains("0.200"))
        let equal = SummaryTable([rows[0], rows[1]]).description
        #expect(equal.hasPrefix("a.h5, 300 samples of mnist") && !equal.contains("["))
    }
}
