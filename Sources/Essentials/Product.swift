/// The product's name and version.
public enum Product {
    /// Written into every file.
    public static let version = "0.1.0"
}
