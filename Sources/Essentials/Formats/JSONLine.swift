import Foundation

/// One JSON object on one line, its keys in the order of adding. Numbers that JSON cannot hold become null.
public struct JSONLine: Sendable {
    /// The object.
    public var text: String { "{\((members + last).joined(separator: ","))}" }

    private var members: [String] = []
    /// Members behind those that are added.
    private var last: [String] = []

    /// An empty object.
    public init() {}

    /// An event of a run's record: its name first, and the time (UTC) last, so that readers find what they found before
    /// there was a time.
    public init(event: String) {
        add("event", event)
        var seconds = time(nil)
        var date = tm()
        gmtime_r(&seconds, &date)
        let fields = [date.tm_mon + 1, date.tm_mday, date.tm_hour, date.tm_min, date.tm_sec].map {
            $0 < 10 ? "0\($0)" : "\($0)"
        }
        let stamp = "\(date.tm_year + 1900)-\(fields[0])-\(fields[1])T\(fields[2]):\(fields[3]):\(fields[4])Z"
        last = ["\"time\":\(JSONLine.quoted(stamp))"]
    }

    /// Adds a string.
    public mutating func add(_ key: String, _ value: String) { addRaw(key, JSONLine.quoted(value)) }
    /// Adds an integer.
    public mutating func add(_ key: String, _ value: Int) { addRaw(key, "\(value)") }
    /// Adds a number.
    public mutating func add(_ key: String, _ value: Double) { addRaw(key, value.isFinite ? "\(value)" : "null") }
    /// Adds a truth value.
    public mutating func add(_ key: String, _ value: Bool) { addRaw(key, value ? "true" : "false") }
    /// Adds a list of integers.
    public mutating func add(_ key: String, _ values: [Int64]) {
        addRaw(key, "[\(values.map { "\($0)" }.joined(separator: ","))]")
    }
    /// Adds a list of numbers.
    public mutating func add(_ key: String, _ values: [Double]) {
        addRaw(key, "[\(values.map { $0.isFinite ? "\($0)" : "null" }.joined(separator: ","))]")
    }
    /// Adds a list of objects.
    public mutating func add(_ key: String, _ objects: [JSONLine]) {
        addRaw(key, "[\(objects.map(\.text).joined(separator: ","))]")
    }
    /// Adds an object.
    public mutating func add(_ key: String, _ object: JSONLine) { addRaw(key, object.text) }

    private mutating func addRaw(_ key: String, _ json: String) { members.append("\(JSONLine.quoted(key)):\(json)") }

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
