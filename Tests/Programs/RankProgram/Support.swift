import Essentials
import Foundation

/// Ends the case when something does not hold.
func expect(_ condition: Bool, _ what: @autoclosure () -> String) throws {
    if !condition { throw Failure(.software, "expected \(what())") }
}

/// What each line begins with.
nonisolated(unsafe) var saidBefore = ""

/// Prints a line at once and whole, so that the lines of several ranks do not mix.
func say(_ line: String) {
    try? FileHandle.standardOutput.write(contentsOf: Data((saidBefore + line + "\n").utf8))
}

/// A number from the arguments.
func number(_ arguments: [String], _ index: Int, _ fallback: Int) -> Int {
    index < arguments.count ? Int(arguments[index]) ?? fallback : fallback
}
