import ArgumentParser
import Datasets
import Essentials
import Foundation
import Recipes
import Robustness

extension CompletionKind {
    /// A recipe's name or path, or a run's directory.
    static var recipes: CompletionKind { .custom { Recipe.names() + paths($2) } }

    /// `key=value` of a recipe: the keys, then the words that a key allows.
    static var assignments: CompletionKind {
        .custom { _, _, word in
            guard let equals = word.firstIndex(of: "=") else { return Recipe.keyNames.map { $0 + "=" } }
            let key = String(word[..<equals])
            return Recipe.words(of: key).map { "\(key)=\($0)" }
        }
    }

    /// Attacks, separated by commas.
    static var attacks: CompletionKind {
        .custom { _, _, word in
            let before = word.lastIndex(of: ",").map { String(word[...$0]) } ?? ""
            return AttackCatalogue.names.map { before + $0 }
        }
    }

    /// A data set's name or path.
    static var datasets: CompletionKind { .custom { Dataset.knownNames + paths($2) } }

    /// A split's name.
    static var splits: CompletionKind { .list(Split.allCases.map(\.rawValue)) }

    /// The files and directories whose paths begin with a word.
    private static func paths(_ word: String) -> [String] {
        let folder = word.contains("/") ? String(word[...(word.lastIndex(of: "/") ?? word.startIndex)]) : ""
        let place = folder.isEmpty ? "." : folder
        let names = (try? FileManager.default.contentsOfDirectory(atPath: place.expandingHome)) ?? []
        return names.filter { !$0.hasPrefix(".") }.sorted().map { name in
            let path = folder + name
            return FileManager.default.isDirectory(path.expandingHome) ? path + "/" : path
        }
    }
}
