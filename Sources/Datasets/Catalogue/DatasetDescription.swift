import Kernels

/// The facts of a data set that its names and headers say.
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

    /// Training images of a chunk: of the converted set, or of the one that would be made of these files.
    public let chunkRows: Int

    /// Sentences on how the files were understood, for whoever uses them.
    public let notes: [String]

    /// The note of a set without training images.
    static let forEvaluationAlone = "for evaluation alone: it has no training images"

    /// The classes' names where they have any; nil where they are numbers.
    public var namedClasses: [String]? { classNames == (0..<classes).map(String.init) ? nil : classNames }

    init(_ name: String, _ files: some DataFiles) {
        self.name = name
        shape = files.shape
        classes = files.classes
        classNames = files.classNames ?? (0..<files.classes).map(String.init)
        trainCount = files.trainCount
        testCount = files.testCount
        strengths = DatasetDefaults.of(name).strengths
        self.files = files.paths
        notes = files.notes
        chunkRows = files.chunkRows
    }
}
