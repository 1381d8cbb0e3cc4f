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
}
