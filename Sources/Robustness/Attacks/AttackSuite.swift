/// An attack as it is evaluated: one, or several parts whose worst counts.
public struct AttackSuite {
    /// One attack of the suite.
    public struct Part {
        /// Its name within the suite; empty where it is the only one.
        public let name: String
        /// The attack.
        public let attack: any Attack
    }

    /// The parts, in order; at least one, all on images or all on nonsense.
    public let parts: [Part]
    /// True where a part is spared the samples on which one before it has succeeded.
    public let sparesTheBroken: Bool

    /// The most parts of a suite: a record holds the number of its part in a byte, 255 for none.
    static let mostParts = 254

    /// One attack.
    public init(_ attack: any Attack) {
        parts = [Part(name: "", attack: attack)]
        sparesTheBroken = false
    }

    /// Several, by name.
    public init(_ parts: [(name: String, attack: any Attack)], sparesTheBroken: Bool) {
        precondition((1...Self.mostParts).contains(parts.count), "a suite of \(parts.count) attacks")
        self.parts = parts.map { Part(name: $0.name, attack: $0.attack) }
        self.sparesTheBroken = sparesTheBroken
    }

    /// The names of the parts; empty where there is one.
    public var partNames: [String] { parts.count > 1 ? parts.map(\.name) : [] }
    /// True where the samples are nonsense.
    public var isNonsense: Bool { parts[0].attack.isNonsense }
    /// True where all parts stay in the Linf ball of the strength and in the range of pixels.
    public var staysInBall: Bool { parts.allSatisfy(\.attack.staysInBall) }
    /// True where any part works on whole groups.
    public var needsWholeGroups: Bool { parts.contains { $0.attack.needsWholeGroups } }
    /// The strengths of all parts.
    public func strengths(_ asked: [Double]) -> [Double] { parts[0].attack.strengths(asked) }
    /// The parts' warnings at some strengths, each once.
    public func warnings(_ asked: [Double]) -> [String] {
        parts.reduce(into: []) { all, part in
            for warning in part.attack.warnings(part.attack.strengths(asked)) where !all.contains(warning) {
                all.append(warning)
            }
        }
    }
    /// The settings in full; of several parts each setting has the part's name before it.
    public var settings: [String: String] {
        guard parts.count > 1 else { return parts[0].attack.settings }
        var settings = ["parts": partNames.joined(separator: " "), "spares-the-broken": sparesTheBroken ? "yes" : "no"]
        for part in parts {
            for (key, value) in part.attack.settings { settings["\(part.name)/\(key)"] = value }
        }
        return settings
    }
}
