/// An image's elements as an image of another shape, in the order of channels, rows, columns: the reshape of other
/// programs, whose images lie channels first.
public struct Rearrangement: Sendable {
    /// For each element of the result, where it stands in the input.
    private let places: [Int32]

    /// The rearrangement between two shapes of as many elements.
    public init(from input: ImageShape, to output: ImageShape) {
        precondition(input.count == output.count, "\(input) as \(output)")
        var places = [Int32](repeating: 0, count: output.count)
        for i in 0..<output.count { places[Self.place(i, output)] = Int32(Self.place(i, input)) }
        self.places = places
    }

    /// Where element `i`, in the order of channels, rows, columns, stands in memory.
    private static func place(_ i: Int, _ shape: ImageShape) -> Int {
        i % shape.area * shape.channels + i / shape.area
    }

    /// output = the input's elements at their new places.
    public func forward(_ output: UnsafeMutablePointer<Float>, _ input: UnsafePointer<Float>) {
        places.withUnsafeBufferPointer { places in
            for i in places.indices { output[i] = input[Int(places[i])] }
        }
    }

    /// inputGradient = the output gradient's elements at their old places.
    public func backward(_ inputGradient: UnsafeMutablePointer<Float>, _ outputGradient: UnsafePointer<Float>) {
        places.withUnsafeBufferPointer { places in
            for i in places.indices { inputGradient[Int(places[i])] = outputGradient[i] }
        }
    }
}
