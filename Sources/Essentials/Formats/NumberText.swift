import Foundation

/// The finite value of a decimal number, or of a fraction such as 8/255, as the field writes strengths; nil where a
/// text is neither.
public func realNumber(_ text: some StringProtocol) -> Double? {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).map { part in
        part.utf8.count < 400 && part.allSatisfy { $0.isASCII && ($0.isNumber || "+-.eE".contains($0)) }
            ? Double(part) : nil
    }
    guard parts.count <= 2, let value = parts[0], let divisor = parts.count == 2 ? parts[1] : 1 else { return nil }
    // Zero has no sign.
    let quotient = value / divisor + 0
    return quotient.isFinite ? quotient : nil
}

/// A number of things: `1 rank`, `2 ranks`.
public func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }

/// A number with a fixed number of decimals.
public func fixed(_ value: Double, _ decimals: Int) -> String { String(format: "%.\(decimals)f", value) }
