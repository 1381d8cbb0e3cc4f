import Checkpoints
import Essentials
import Foundation
import Robustness

/// Finds the evaluations that lie in and below a directory.
package enum EvaluationFinder {
    /// The folders that hold a `summary.csv`, the directory itself first, then those below it by name.
    ///
    /// - Parameter output: a folder that is passed over below the directory: what a report wrote there is no
    ///   evaluation.
    /// - Throws: `Failure` 66 where there is none, or the directory cannot be read.
    package static func folders(in directory: String, except output: String) throws -> [String] {
        guard FileManager.default.isDirectory(directory) else {
            throw Failure(.noInput, "\(directory) is no directory: name the directory of an evaluation or of a run")
        }
        let found = try search(directory, except: absolutePath(output))
        guard !found.isEmpty else {
            throw Failure(
                .noInput,
                "no summary.csv in \(directory) or below: name the directory of an evaluation that has ended, or go on "
                    + "with it by --resume")
        }
        return found
    }

    private static func search(_ folder: String, except output: String) throws -> [String] {
        let names: [String]
        do { names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted() } catch {
            throw Failure(.noInput, "cannot list the directory \(folder): \(error.localizedDescription)")
        }
        let below = try names.flatMap { name -> [String] in
            let path = folder + "/" + name
            // Links are not followed: they may lead in circles.
            let kind = try? FileManager.default.attributesOfItem(atPath: path)[.type] as? FileAttributeType
            guard kind == .typeDirectory, name != RunLayout.checkpoints, absolutePath(path) != output else { return [] }
            return try search(path, except: output)
        }
        return (names.contains(SummaryRow.file) ? [folder] : []) + below
    }
}

/// A path from the root, without `.` and `..`.
package func absolutePath(_ path: String) -> String { URL(fileURLWithPath: path).standardizedFileURL.path }
