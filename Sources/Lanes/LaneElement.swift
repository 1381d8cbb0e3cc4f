import Kernels
import MessagePassing

/// A number that lanes are summed in: `Float` or `Double`.
public protocol LaneElement: ReducibleElement, BinaryFloatingPoint {
    /// `sums[i] = left[i] + right[i]` for i in 0..<count; `sums` may be `left` or `right`.
    static func add(
        _ left: UnsafePointer<Self>, _ right: UnsafePointer<Self>, into sums: UnsafeMutablePointer<Self>, count: Int)
}

// Whole vectors are loaded and stored explicitly: the compiler would not use them where `sums` is `left`.

extension Float: LaneElement {
    /// Sixteen at a time.
    public static func add(
        _ left: UnsafePointer<Float>, _ right: UnsafePointer<Float>, into sums: UnsafeMutablePointer<Float>, count: Int
    ) {
        typealias Vector = SIMD16<Float>
        let (a, b, c) = (UnsafeRawPointer(left), UnsafeRawPointer(right), UnsafeMutableRawPointer(sums))
        let whole = count & ~15
        var i = 0
        while i < whole {
            let offset = i &* 4
            let sum =
                a.loadUnaligned(fromByteOffset: offset, as: Vector.self)
                + b.loadUnaligned(fromByteOffset: offset, as: Vector.self)
            c.storeBytes(of: sum, toByteOffset: offset, as: Vector.self)
            i &+= 16
        }
        while i < count {
            sums[i] = left[i] + right[i]
            i &+= 1
        }
    }
}

extension Double: LaneElement {
    /// Eight at a time.
    public static func add(
        _ left: UnsafePointer<Double>, _ right: UnsafePointer<Double>, into sums: UnsafeMutablePointer<Double>,
        count: Int
    ) {
        typealias Vector = SIMD8<Double>
        let (a, b, c) = (UnsafeRawPointer(left), UnsafeRawPointer(right), UnsafeMutableRawPointer(sums))
        let whole = count & ~7
        var i = 0
        while i < whole {
            let offset = i &* 8
            let sum =
                a.loadUnaligned(fromByteOffset: offset, as: Vector.self)
                + b.loadUnaligned(fromByteOffset: offset, as: Vector.self)
            c.storeBytes(of: sum, toByteOffset: offset, as: Vector.self)
            i &+= 8
        }
        while i < count {
            sums[i] = left[i] + right[i]
            i &+= 1
        }
    }
}
