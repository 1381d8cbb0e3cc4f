import Kernels

/// A network as it comes out of an ONNX graph: steps in order, each on one image, with their numbers.
struct ImportedGraph {
    /// Zeros around an image.
    struct Sides: Equatable {
        var (top, left, bottom, right) = (0, 0, 0, 0)

        static func + (a: Sides, b: Sides) -> Sides {
            Sides(top: a.top + b.top, left: a.left + b.left, bottom: a.bottom + b.bottom, right: a.right + b.right)
        }
    }

    /// A convolution; the weight is OIHW, with I = channels / groups.
    struct Convolution {
        var weight: [Float]
        var bias: [Float]
        var hasBias: Bool
        var filters, height, width: Int
        var strides: (Int, Int)
        var dilations: Extent
        var groups: Int
        var padding: Sides
    }

    /// A fully connected layer; the weight is [outputs, channels, height, width].
    struct Dense {
        var weight: [Float]
        var bias: [Float]
    }

    /// Batch normalization with its moments.
    struct Normalization {
        var gamma, beta, mean, variance: [Float]
        var stabilizer: Double
    }

    /// A pool; cells outside the image count in no maximum and no average.
    struct Pool {
        var kind: Pooling.Kind
        var height, width: Int
        var strides: (Int, Int)
        var padding: Sides
    }

    enum Operation {
        case image
        case convolution(Convolution)
        case dense(Dense)
        case normalization(Normalization)
        /// scale x + shift; one number each, one a channel, or one an element (CHW).
        case affine(scale: [Float], shift: [Float])
        case activation(Activation)
        case pool(Pool)
        case globalAverage
        /// The results element by element, of one shape or 1x1 beside it.
        case arithmetic(Arithmetic)
        case concatenation
        /// The elements as an image of another shape, in the order of channels, rows, columns.
        case reshape
    }

    /// An operation, the steps whose results it takes, the shape of its result, and the node that it came from: in
    /// sentences, and its name.
    struct Step {
        var operation: Operation
        var inputs: [Int]
        var shape: ImageShape
        var title: String
        var name: String
    }

    var steps: [Step]
    /// The step whose result is z: the logits, or what a robust network makes -z^2 of.
    var output: Int
    /// True where the logits are -z^2.
    var isRobust: Bool
}

extension ImageShape {
    /// Channels, height and width, as ONNX has them.
    var extents: [Int] { [channels, height, width] }

    init(extents: [Int]) { self.init(height: extents[1], width: extents[2], channels: extents[0]) }
}
