import Essentials
import Recipes
import Testing
import Training

/// The recipe of a text that has to be fine.
func recipe(_ yaml: String, _ overrides: String...) throws -> Recipe {
    try Recipe.parse(yaml: yaml, overrides: overrides, source: "r.yaml")
}

/// The refusal's sentence; its code has to be that of a wrong command line.
func refusal(_ yaml: String, _ overrides: String...) -> String {
    do {
        _ = try Recipe.parse(yaml: yaml, overrides: overrides, source: "r.yaml")
        return "accepted"
    } catch let failure as Failure {
        return failure.code == .usage ? failure.message : "code \(failure.code): \(failure.message)"
    } catch {
        return "another error: \(error)"
    }
}

/// The failure that a network's layers cause.
func sentence(_ text: String) -> Failure {
    Failure(.usage, (text.hasPrefix("conv1") ? "network: " : "network.layers: ") + text)
}
