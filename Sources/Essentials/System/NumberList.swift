import Foundation

/// Numbers as the kernel writes the cores of a process (proc(5), `Cpus_allowed_list`): `0-2,5`.
public struct NumberList: Hashable, Sendable, CustomStringConvertible {
    /// The numbers, in the order given.
    public let numbers: [Int]

    /// The list of some numbers.
    public init(_ numbers: [Int]) { self.numbers = numbers }

    /// Reads a list; what is no number or range is left out.
    public init(parsing text: String) {
        numbers = text.split(separator: ",").flatMap { part -> [Int] in
            let ends = part.split(separator: "-").compactMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
            guard let first = ends.first, let last = ends.last, first <= last else { return [] }
            return Array(first...last)
        }
    }

    /// The cores that this process may run on, as sched_getaffinity(2) has them.
    public static var allowedCores: NumberList {
        let line = kernelLine("Cpus_allowed_list:", in: "/proc/self/status") ?? ""
        return NumberList(parsing: String(line.drop { $0 != ":" }.dropFirst()))
    }

    /// `0-2,5`.
    public var description: String {
        var ranges: [ClosedRange<Int>] = []
        for number in numbers {
            if let last = ranges.last, last.upperBound == number - 1 {
                ranges[ranges.count - 1] = last.lowerBound...number
            } else {
                ranges.append(number...number)
            }
        }
        return ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
            .joined(separator: ",")
    }

    /// `core 3`, `cores 0-2,5`: the numbers behind what they count.
    public func counting(_ noun: String) -> String { "\(noun)\(numbers.count == 1 ? "" : "s") \(self)" }
}
