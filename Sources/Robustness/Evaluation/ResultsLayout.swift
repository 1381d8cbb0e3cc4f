/// The layout of a results file: its format and the path of every object, without a leading slash.
///
/// A path that is added raises `version`, and an attribute that may be left out does not; there is one reader, since
/// `--resume` refuses results of another version.
package enum ResultsLayout {
    /// The root attribute `format`.
    static let format = "steadfast-results"
    /// The `format_version` that is written and read.
    static let version = 1
    /// The file in an evaluation directory.
    package static let file = "results.h5"

    /// Samples' indices in their file: int32 [N].
    static let index = "samples/index"
    /// Samples' labels: int16 [N].
    static let label = "samples/label"

    /// The group of an attack, by its name with parameters, or of one of its parts.
    struct Attack {
        let path: String

        init(_ verbatim: String) { path = "attacks/\(verbatim)" }
        private init(path: String) { self.path = path }

        /// A part of a suite of attacks.
        func part(_ name: String) -> Attack { Attack(path: "\(path)/parts/\(name)") }

        /// Strengths: float64 [S].
        var strength: String { "\(path)/strength" }
        /// The winning output: int16 [S, N].
        var prediction: String { "\(path)/prediction" }
        /// 0 correct, 1 wrong, 2 rejected: uint8 [S, N].
        var outcome: String { "\(path)/outcome" }
        /// The winner's confidence: float32 [S, N].
        var confidence: String { "\(path)/confidence" }
        /// The largest confidence of a class, nonsense outputs apart: float32 [S, N].
        var classConfidence: String { "\(path)/class_confidence" }
        /// Sizes of the perturbation: float32 [S, N].
        var linf: String { "\(path)/linf" }
        /// Its L2 norm.
        var l2: String { "\(path)/l2" }
        /// Its L1 norm.
        var l1: String { "\(path)/l1" }
        /// The part that a suite's worst case comes from: uint8 [S, N].
        var worstPart: String { "\(path)/part" }
        /// True where a part attacked the sample: uint8 [S, N].
        var attacked: String { "\(path)/attacked" }
        /// Perturbed images, where they are kept: float32 [S, N, H, W, C].
        var image: String { "\(path)/image" }
        /// Outputs of the clean samples: float32 [N, K].
        var output: String { "\(path)/output" }
    }
}
