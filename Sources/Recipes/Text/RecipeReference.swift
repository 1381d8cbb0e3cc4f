import Networks

extension Recipe {
    /// The reference of all keys, the end of the page Recipes: Markdown, one table for each section.
    public static var reference: String { "## Keys\n\n" + tables }

    private static var tables: String {
        let top = keys.filter { $0.facts.inner == nil }
        let sections = keys.filter { $0.facts.inner != nil }
        func table(_ rows: [(key: RecipeKeyFacts, prefix: String)]) -> String {
            "| key | allowed | default | |\n|---|---|---|---|\n"
                + rows.map { key, prefix in
                    let note = key.effect == .operational ? " *Operational.*" : ""
                    return "| `\(prefix)\(key.name)` | \(key.range?.description ?? "") | "
                        + "\(defaultText(of: prefix + key.name)) | \(key.documentation)\(note) |\n"
                }.joined()
        }
        return table(top.map { ($0.facts, "") })
            + sections.map { section in
                let facts = section.facts
                let state = facts.isToggle ? "\nOff by default; `true` turns it on with these defaults." : ""
                return "\n### \(facts.name)\n\n\(facts.documentation)\(state)\n\n"
                    + table((facts.inner ?? []).map { ($0, facts.name + ".") })
            }.joined()
    }

    /// The recipes whose defaults differ; the first one stands for all that are not named.
    private static let examples: [(name: String, recipe: Recipe)] = [
        ("", complete(.defaults(dataset: "mnist"))), ("glyphs", complete(.defaults(dataset: "glyphs"))),
        ("other sets", complete(.defaults(dataset: "other"))),
        ("cifar10, plain", complete(.defaults(dataset: "cifar10"))),
        ("cifar10, robust", complete(.defaults(dataset: "cifar10", activation: .mrelu))),
    ]

    /// A recipe with every section on.
    private static func complete(_ recipe: Recipe) -> Recipe {
        var recipe = recipe
        recipe.randomTraining = recipe.defaultRandomTraining
        recipe.meanTraining = recipe.defaultMeanTraining
        recipe.adversarialTraining = recipe.defaultAdversarialTraining()
        recipe.validationAttack = recipe.defaultValidationAttack
        recipe.evaluation = recipe.defaultEvaluation
        return recipe
    }

    private static func defaultText(of key: String) -> String {
        let parts = key.split(separator: ".").map(String.init)
        guard key != "dataset" else { return "none: it has to be given" }
        let values = examples.map { name, recipe -> (name: String, text: String) in
            let top = keys.first { $0.name == parts[0] }?.write(recipe)
            let text = (parts.count == 1 ? top : top?[parts[1]])?.flow ?? ""
            return (name, text.count > 40 ? shortened(text) : text)
        }
        var others = values.dropFirst().filter { $0.text != values[0].text }
        // One word for a plain and a robust network of equal defaults.
        if others.count > 1, others[others.count - 1].text == others[others.count - 2].text {
            others.removeLast()
            others[others.count - 1].name = "cifar10"
        }
        return (["`\(values[0].text)`"] + others.map { "`\($0.text)` (\($0.name))" }).joined(separator: "; ")
    }
}
