extension KnownDataset {
    /// The built-in digits.
    static let glyphs = KnownDataset(
        name: "glyphs", origin: .generated(Glyphs()), shape: Glyphs.shape, classes: 10, classNames: nil,
        defaults: .mnist(drawnSamples: 1200), mirrors: [], archives: [])
}
