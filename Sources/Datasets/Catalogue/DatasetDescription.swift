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
        strengths = DatasetDefaults.of(name).strengths
        self.files = files
    }
}
