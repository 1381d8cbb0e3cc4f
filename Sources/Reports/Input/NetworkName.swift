import Checkpoints
import Foundation

/// The name of a network in a report, from the path of its run or of its checkpoint: `mnist-mrelu-r-m/seed-2` and
/// `mnist-mrelu-r-m/seed-2/checkpoints/step-00014400.h5` are seed 2 of `mnist-mrelu-r-m`.
package struct NetworkName: Hashable {
    /// The name that networks of several seeds share.
    package let name: String
    /// The seed, where the path says it.
    package let seed: Int?
    /// The step, where the path is of a run's checkpoint.
    package let step: Int?

    /// Names a network.
    package init(name: String, seed: Int?, step: Int?) {
        self.name = name
        self.seed = seed
        self.step = step
    }

    /// Names the network of a path.
    package init(path: String) {
        var parts = absolutePath(path).split(separator: "/").map(String.init)
        var step: Int?
        if let last = parts.last, last.hasSuffix(".h5") {
            let file = String(last.dropLast(3))
            parts[parts.count - 1] = file
            if file.hasPrefix("step-"), let number = Int(file.dropFirst(5)), parts.count > 1 {
                step = number
                parts.removeLast()
                if parts.last == RunLayout.checkpoints { parts.removeLast() }
            }
        }
        var seed: Int?
        if let last = parts.last, last.hasPrefix("seed-"), let number = Int(last.dropFirst(5)), parts.count > 1 {
            seed = number
            parts.removeLast()
        }
        self.init(name: parts.last ?? path, seed: seed, step: step)
    }
}
