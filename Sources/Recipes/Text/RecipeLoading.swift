import Essentials
import Foundation

extension Recipe {
    /// Reads a recipe from a file.
    ///
    /// - Parameters:
    ///   - nameOrPath: a path, which has a slash or ends in `.yaml`; or a name, for `NAME.yaml` in
    ///     `$STEADFAST_RECIPES`, else among the recipes of the package that this program was built from.
    ///   - overrides: as in `parse`.
    ///   - run: the recipe.yaml of the run that goes on, as in `parse`.
    ///   - environment: where `STEADFAST_RECIPES` is looked up.
    /// - Throws: `Failure` 66 where there is no such file, with the nearest name and the places looked in; 64 as
    ///   `parse`.
    public static func load(
        _ nameOrPath: String, overrides: [String] = [], resuming run: String? = nil,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws -> Recipe {
        let path = try locate(nameOrPath, environment: environment)
        return try parse(yaml: try readText(path), overrides: overrides, resuming: run, source: path)
    }

    /// The names of the recipes that `load` finds, sorted.
    public static func names(environment: [String: String] = ProcessInfo.processInfo.environment) -> [String] {
        let files = folders(environment).flatMap { (try? FileManager.default.contentsOfDirectory(atPath: $0)) ?? [] }
        return Set(files.filter { $0.hasSuffix(".yaml") }.map { String($0.dropLast(5)) }).sorted()
    }

    /// The folders of recipes, in the order in which they are searched.
    private static func folders(_ environment: [String: String]) -> [String] {
        let package = #filePath.components(separatedBy: "/Sources/").dropLast().joined(separator: "/Sources/")
        let own = environment["STEADFAST_RECIPES"].flatMap { $0.isEmpty ? nil : $0.expandingHome }
        return [own, package + "/cluster/recipes"].compactMap { $0 }
    }

    static func locate(_ nameOrPath: String, environment: [String: String]) throws -> String {
        let isPath = nameOrPath.contains("/") || nameOrPath.hasSuffix(".yaml")
        let folders = folders(environment)
        let candidates = isPath ? [nameOrPath] : folders.map { "\($0)/\(nameOrPath).yaml" }
        if let path = candidates.first(where: { FileManager.default.fileExists(atPath: $0) }) { return path }
        var name = (nameOrPath as NSString).lastPathComponent
        if name.hasSuffix(".yaml") { name = String(name.dropLast(5)) }
        let advice =
            nearestName(to: shortened(name), among: names(environment: environment))
            .map { "did you mean '\($0)'?" } ?? "known: \(names(environment: environment).joined(separator: ", "))"
        if isPath { throw Failure(.noInput, "no recipe at \(nameOrPath); \(advice)") }
        let places = folders.joined(separator: " or ")
        throw Failure(.noInput, "no recipe '\(shortened(nameOrPath))' in \(places); \(advice)")
    }

    /// Reads no more of a file than a recipe may have, whatever kind of file it is.
    static func readText(_ path: String) throws -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw systemFailure(.noInput, "open", path) }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: RecipeNode.largestText + 1)
        let count = try bytes.withUnsafeMutableBytes {
            try readFully($0, from: descriptor, path: path, failingWith: .noInput)
        }
        // Editors of other systems begin a text with a byte order mark.
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        let text = bytes.prefix(count).dropFirst(bytes.starts(with: mark) ? mark.count : 0)
        guard let text = String(validating: text, as: UTF8.self) else {
            throw Failure(.usage, "\(path): not a text in UTF-8")
        }
        return text
    }
}
