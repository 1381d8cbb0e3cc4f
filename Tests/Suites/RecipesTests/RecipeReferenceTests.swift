import Datasets
import Foundation
import Recipes
import TestSupport
import Testing

@Suite("The reference of recipe keys")
struct RecipeReferenceTests {
    @Test("The documentation's page ends with what the table of keys makes")
    func current() throws {
        let path = packageFolder + "/Sources/steadfast/Steadfast.docc/Recipes.md"
        let page = try String(contentsOfFile: path, encoding: .utf8)
        #expect(page.hasSuffix("\n" + Recipe.reference), "write it anew: Tests/documentation --write")
    }

    @Test("Every key of a resolved recipe has its row, with a default and a description")
    func complete() throws {
        let rows = Recipe.reference.split(separator: "\n").filter { $0.hasPrefix("| `") }.map {
            $0.split(separator: "|", omittingEmptySubsequences: false).map { $0.trimmingCharacters(in: .whitespaces) }
        }
        let keys = Set(rows.map { $0[1] })
        for key in ["`lanes`", "`loss.p`", "`adversarial_training.ramp_epochs`", "`evaluation.samples`"] {
            #expect(keys.contains(key))
        }
        #expect(keys.count == rows.count)
        for row in rows { #expect(row.count == 6 && !row[2...4].contains(""), "\(row)") }
    }

    @Test("The schema has every key with its range; sections are closed, and those that may be off take a flag")
    func schema() throws {
        let root = try #require(
            try JSONSerialization.jsonObject(with: Data(Recipe.schema.utf8)) as? [String: Any])
        func properties(_ schema: Any?) -> [String: Any] {
            let own = schema as? [String: Any] ?? [:]
            if let properties = own["properties"] as? [String: Any] { return properties }
            let forms = own["anyOf"] as? [[String: Any]] ?? []
            return forms.lazy.compactMap { $0["properties"] as? [String: Any] }.first ?? [:]
        }
        for key in Recipe.keyNames {
            var schema: Any? = root
            for part in key.split(separator: ".") { schema = properties(schema)[String(part)] }
            let found = try #require(schema as? [String: Any], "\(key)")
            #expect((found["description"] as? String)?.isEmpty == false, "\(key)")
        }
        let decay = try #require(properties(root)["weight_decay"] as? [String: Any])
        #expect(decay["minimum"] as? Int == 0 && decay["maximum"] as? Int == 1)
        let momentum = try #require((properties(root)["momentum"] as? [String: Any])?["anyOf"] as? [[String: Any]])
        #expect(momentum.contains { $0["minimum"] as? Int == 0 && $0["exclusiveMaximum"] as? Int == 1 })
        let evaluation = try #require((properties(root)["evaluation"] as? [String: Any])?["anyOf"] as? [[String: Any]])
        #expect(evaluation.contains { $0["type"] as? String == "boolean" })
        let scale = try #require((properties(root)["input_scale"] as? [String: Any])?["anyOf"] as? [[String: Any]])
        #expect(scale.contains { $0["type"] as? String == "array" && $0["minItems"] as? Int == 1 })
        #expect(evaluation.contains { $0["additionalProperties"] as? Bool == false })
    }

    @Test(
        "A draft is a recipe of its data set: architecture by the images' size, batch and split by their number",
        arguments: [
            (28, 1, 6000, "mnist"), (32, 3, 50_000, "resnet"), (64, 3, 90, "resnet"), (20, 1, 3, "mnist"),
        ])
    func draft(size: Int, channels: Int, images: Int, architecture: String) throws {
        let json = """
            {"name": "own", "shape": {"height": \(size), "width": \(size), "channels": \(channels)}, "classes": 2,
            "classNames": ["a", "b"], "trainCount": \(images), "testCount": 2, "strengths": [0],
            "files": [], "notes": [], "chunkRows": 1}
            """
        let description = try JSONDecoder().decode(DatasetDescription.self, from: Data(json.utf8))
        let text = try Recipe.draft("data/own", description)
        let recipe = try Recipe.parse(yaml: text)
        #expect(recipe.dataset == "data/own" && recipe.batch <= images - recipe.validation)
        #expect(recipe.network.architecture.rawValue == architecture, "\(text)")
        // Also of few images a network learns something: some hundred steps.
        let steps = recipe.epochs * ((images - recipe.validation + recipe.batch - 1) / recipe.batch)
        #expect((20...100).contains(recipe.epochs) && steps >= 300)
        #expect(text.contains("# The global batch") && text.contains("\n# random_training: true"))
        #expect(throws: Never.self) {
            try recipe.settled(trainingImages: images - recipe.validation).network(
                input: description.shape, classes: description.classes)
        }
    }
}
