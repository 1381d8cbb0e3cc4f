import Kernels

/// What a data set is, as far as its names and headers say.
public struct DatasetDescription: Codable, Sendable {
    /// Its name: of the folder, or of the generator.
    public let name: String
    /// The shape of its images.
    public let shape: ImageShape
    /// The number of classes; labels are 0..<classes.
    public let classes: Int
    /// The classes' names.
    public let classNames: [String]
    /// Images in the training files.
    public let trainCount: Int
    /// Images in the test files.
    public let testCount: Int
    /// The columns of its table: strengths as fractions of the pixel range.
    public let strengths: [Double]
    /// The files it is read from; none where it is generated.
    public let files: [String]

    init(
        name: String, shape: ImageShape, classes: Int, classNames: [String]?, trainCount: Int, testCount: Int,
        files: [String]
    ) {
        self.name = name
        self.shape = shape
        self.classes = classes
        self.classNames = classNames ?? (0..<classes).map(String.init)
        self.trainCount = trainCount
        self.testCount = testCount
        self.strengths = DatasetDescription.strengths(of: name)
        self.files = files
    }

    /// The columns of the paper's table 4 (CIFAR-10) or, for every other set, of table 2 (MNIST).
    public static func strengths(of name: String) -> [Double] {
        name == "cifar10"
            ? [0, 0.010, 0.015, 0.020, 0.025, 0.030, 0.035, 0.040, 0.045, 0.050, 0.075, 0.100, 0.150]
            : [0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.10, 0.15, 0.20, 0.25, 0.30, 0.40, 0.50]
    }
}
