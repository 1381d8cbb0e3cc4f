import ArgumentParser
import Datasets
import Essentials
import Foundation
import Recipes

/// `steadfast recipe`.
struct RecipeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recipe", abstract: "Begin a recipe; tell which keys there are.",
        subcommands: [New.self, Schema.self, Reference.self])

    struct New: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print a commented recipe for a data set that is there.",
            discussion:
                "The architecture goes by the size of the images, batch, epochs and validation by their number.")

        @Argument(
            help: "The data set: a known name, a folder or a file, as `dataset` in a recipe.", completion: .datasets)
        var dataset: String

        @Option(help: "Write it to this new file.", completion: .file(extensions: ["yaml"]))
        var output: String?

        @OptionGroup var location: DataLocation

        func run() throws {
            if let output, access(output, F_OK) == 0 {
                throw Failure(.cannotCreate, "\(output) is there already: name a new file")
            }
            let found = try Dataset.locate(dataset, directory: location.dataDirectory)
            let text = try Recipe.draft(dataset, found.description)
            guard let output else { return print(text, terminator: "") }
            try AtomicFile.write(text, to: output)
            print("written: \(output); next: steadfast train \(output.shellWord) --dry-run")
        }
    }

    struct Schema: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the JSON schema of recipes, made from the table of keys, for editors.")

        func run() { print(Recipe.schema, terminator: "") }
    }

    struct Reference: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the reference of recipe keys as Markdown, made from their table.")

        func run() { print(Recipe.reference, terminator: "") }
    }
}
