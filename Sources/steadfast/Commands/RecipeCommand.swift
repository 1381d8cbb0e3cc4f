import ArgumentParser
import Recipes

/// `steadfast recipe`.
struct RecipeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recipe", abstract: "Tell of recipes.", shouldDisplay: false, subcommands: [Reference.self])

    struct Reference: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the documentation's page on recipes, made from the table of keys.")

        func run() { print(Recipe.reference, terminator: "") }
    }
}
