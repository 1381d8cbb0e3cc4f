import Kernels
import Networks
import Robustness

/// Adversarial training as in the paper (-a): a share of each batch is replaced by the adversarial samples (equation 10) of
/// the network as it is, formed with running moments on the ranks that hold the images.
struct AdversarialSamples {
    private let settings: AdversarialTraining
    private let seed: UInt64
    private let propagation: Propagation
    private let attack: FastGradientSign
    private let direction: Buffer<Float>

    init(_ settings: AdversarialTraining, seed: UInt64, propagation: Propagation, capacity: Int) {
        self.settings = settings
        self.seed = seed
        self.propagation = propagation
        attack = FastGradientSign(propagation, capacity: capacity)
        direction = Buffer(capacity * propagation.plan.network.input.count)
    }

    /// Moves the chosen images of the propagation's input; `ids` are their sample ids, in order. Local.
    func replaceSamples(_ labels: UnsafePointer<Int32>, ids: some Sequence<Int32>, epoch: Int) throws {
        try attack.directions(of: labels, into: direction.pointer)
        let count = propagation.plan.network.input.count
        for (image, id) in ids.enumerated() {
            var random = Philox(seed: seed, purpose: .adversarialTraining, Int(id), epoch)
            guard Double(random.uniform()) < settings.share else { continue }
            let x = propagation.input.pointer + image * count
            addScaled(x, x, direction.pointer + image * count, scale: Float(settings.strength * 255), count: count)
        }
    }
}
