import ArgumentParser
import Recipes

/// `steadfast recipe`.
struct RecipeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recipe", abstract: "Tell of recipes.", shouldDisplay: false, subcommands: [Reference.self])

    struct Reference: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the reference of recipe keys as Markdown, made from their table.")

        func run() { print(Recipe.reference, terminator: "") }
    }
}
