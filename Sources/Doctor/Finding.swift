import Essentials

/// How a check came out.
public enum Verdict: String, Sendable, Comparable {
    /// As it should be.
    case ok = "OK"
    /// It will work, slower or less safely than it could.
    case warn = "WARN"
    /// Training will not start, or not give the bits that it should.
    case fail = "FAIL"

    /// By how bad it is.
    public static func < (a: Verdict, b: Verdict) -> Bool { a.severity < b.severity }
    private var severity: Int {
        switch self {
        case .ok: 0
        case .warn: 1
        case .fail: 2
        }
    }
}

/// The finding of a check; equal on all ranks.
public struct Finding: Sendable {
    /// The verdict.
    public private(set) var verdict = Verdict.ok
    /// The finding, for people: some short lines.
    public private(set) var facts: [String]
    /// The advice, a sentence for each thing that is not as it should be.
    public private(set) var advice: [String] = []
    /// The numbers behind it.
    public private(set) var figures = JSONLine()

    /// A finding with nothing wrong so far.
    init(_ facts: String...) { self.facts = facts }

    mutating func add(_ fact: String) { facts.append(fact) }

    /// Adds something that is not as it should be.
    mutating func complain(_ verdict: Verdict, _ advice: String) {
        self.verdict = max(self.verdict, verdict)
        self.advice.append(advice)
    }

    mutating func figure(_ name: String, _ value: Double) { figures.add(name, value) }
    mutating func figure(_ name: String, _ value: Int) { figures.add(name, value) }
    mutating func figure(_ name: String, _ value: String) { figures.add(name, value) }
}
