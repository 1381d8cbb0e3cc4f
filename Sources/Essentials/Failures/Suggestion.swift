/// The name among `names` nearest to `word` by edit distance, of equal ones by that of letters and digits alone, for
/// "did you mean"; nil where none is near.
public func nearestName(to word: String, among names: some Sequence<String>) -> String? {
    /// Letters and digits alone, in small letters.
    func bare(_ text: String) -> [Character] { text.lowercased().filter { $0.isLetter || $0.isNumber } }
    let nearest = names.map { name in
        (
            name: name, distance: editDistance(Array(word.lowercased()), Array(name.lowercased())),
            bareDistance: editDistance(bare(word), bare(name))
        )
    }.min { ($0.distance, $0.bareDistance, $0.name) < ($1.distance, $1.bareDistance, $1.name) }
    guard let nearest, nearest.distance <= max(2, word.count / 2) else { return nil }
    return nearest.name
}

/// `unknown <kind> '<word>'; did you mean '<nearest>'?`, or the list of the known names where none is near.
public func unknownName(_ kind: String, _ word: String, among names: [String]) -> String {
    if let nearest = nearestName(to: word, among: names) {
        return "unknown \(kind) '\(word)'; did you mean '\(nearest)'?"
    }
    return "unknown \(kind) '\(word)'; known: \(names.joined(separator: ", "))"
}

/// Levenshtein's distance, transposed neighbours counting as one edit.
private func editDistance(_ a: [Character], _ b: [Character]) -> Int {
    var rows = [[Int]](repeating: [Int](repeating: 0, count: b.count + 1), count: a.count + 1)
    for i in 0...a.count { rows[i][0] = i }
    for j in 0...b.count { rows[0][j] = j }
    for i in 0..<a.count {
        for j in 0..<b.count {
            var best = min(rows[i][j + 1], rows[i + 1][j]) + 1
            best = min(best, rows[i][j] + (a[i] == b[j] ? 0 : 1))
            if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { best = min(best, rows[i - 1][j - 1] + 1) }
            rows[i + 1][j + 1] = best
        }
    }
    return rows[a.count][b.count]
}
