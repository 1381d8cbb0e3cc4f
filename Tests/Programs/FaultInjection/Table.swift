import Foundation

/// The outcomes as a table, a row for each kind of fault.
enum Table {
    static func text(_ outcomes: [Trial.Outcome]) -> String {
        var rows = [["fault", "instants", "count", "exit codes", "worst time to end", "as promised"]]
        var kinds: [String] = []
        for outcome in outcomes where !kinds.contains(outcome.kind) { kinds.append(outcome.kind) }
        for kind in kinds { rows.append(row(kind, outcomes.filter { $0.kind == kind })) }
        rows.append(row("all", outcomes))
        rows.insert(rows[0].map { String(repeating: "-", count: $0.count) }, at: 1)
        return rows.map { "| " + $0.joined(separator: " | ") + " |" }.joined(separator: "\n")
    }

    private static func row(_ name: String, _ outcomes: [Trial.Outcome]) -> [String] {
        let worst = outcomes.map(\.seconds).max() ?? 0
        let good = outcomes.filter(\.complaints.isEmpty).count
        return [
            name, counts(outcomes.map(\.instant)), "\(outcomes.count)", counts(outcomes.map { "\($0.status)" }),
            "\((worst * 10).rounded() / 10) s", "\(good)",
        ]
    }

    /// `step 7, save 2`, the most frequent first.
    private static func counts(_ words: [String]) -> String {
        Dictionary(grouping: words) { $0 }.sorted { ($1.value.count, $0.key) < ($0.value.count, $1.key) }
            .map { "\($0.key) (\($0.value.count))" }.joined(separator: ", ")
    }
}
