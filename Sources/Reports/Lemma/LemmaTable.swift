import Essentials
import Foundation
import Kernels

/// Lemma 1, checked each time the report is made.
enum LemmaTable {
    /// The cases: dimensions, radius, tolerance.
    static let cases: [(dimensions: Int, radius: Double, tolerance: Double)] = [
        (2, 1, 0.05), (2, 1, 0.001), (3, 10, 0.01), (10, 1, 0.01), (100, 5, 0.01), (784, 255, 0.01),
    ]

    static func table() -> Table {
        let checks = cases.map {
            LemmaCheck(
                .rbf, dimensions: $0.dimensions, radius: $0.radius, tolerance: $0.tolerance,
                samples: $0.dimensions > 50 ? 4_000 : 20_000)
        }
        let rows = checks.map { check -> [Table.Cell] in
            [
                Table.Cell("\(check.dimensions)"), Table.Cell(String(format: "%g", check.radius)),
                Table.Cell(String(format: "%g", check.tolerance)), Table.Cell(String(format: "%.4g", check.scale)),
                Table.Cell(String(format: "1 - %.3g", 1 - check.threshold)),
                Table.Cell(fixed(check.volumeError, 5), mark: .strong),
                Table.Cell(check.holds ? "yes" : "no", mark: check.holds ? .better : .worse),
                Table.Cell(check.excess == 0 ? "yes" : "no", mark: check.excess == 0 ? .better : .worse),
            ]
        }
        return Table(
            name: "lemma-1",
            title: "Lemma 1 as a running check: two RBF layers that decide membership in a hypersphere",
            caption:
                "For n, r and ε the program looks for λ with f₂⁻¹(τ) / r ≥ (1 - ε/2)^(1/n) (equation 6), takes τ = "
                + "f₁(r), and measures 1 - V(∩)/V(∪) on points drawn inside the sphere and in a shell of equal volume "
                + "about it. On the sphere f₂ ≤ y ≤ f₁ holds; the paper prints the inequality the other way round (its "
                + "conclusion stands). Note how little τ differs from 1 in many dimensions: in float32 no such network "
                + "could be used.",
            columns: ["n", "r", "ε", "λ", "τ", "volume error", "below ε?", "f₂ ≤ y ≤ f₁?"], rows: rows)
    }

    /// The mReLU's level sets are L1 balls: the finding, as a table.
    static func rectifiedTable() -> Table {
        let rows = [2, 3, 5, 10, 20].map { n -> [Table.Cell] in
            let checks = [0.05, 0.001].map { LemmaCheck(.mrelu, dimensions: n, radius: 1, tolerance: $0) }
            return [Table.Cell("\(n)")]
                + checks.map { Table.Cell(fixed($0.volumeError, 3), mark: .worse) }
                + [Table.Cell(fixed(LemmaCheck.bestL1Ball(dimensions: n), 3), mark: .strong)]
        }
        return Table(
            name: "lemma-1-mrelu", title: "The same block of mReLUs: its level sets are L1 balls",
            caption:
                "The proof is said to extend to the mReLU. As long as no unit is saturated y = 1 - λ(|x₁| + ... + "
                + "|xₙ|): the region y ≥ τ is an L1 ball for every λ, and no λ and τ bring the volume error below what "
                + "the last column says, the best of all L1 balls. In two dimensions it is the diamond of figure 6.",
            columns: ["n", "volume error, ε 0.05 asked", "ε 0.001 asked", "best L1 ball of any size"], rows: rows)
    }
}
