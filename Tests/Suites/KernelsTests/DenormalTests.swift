import Foundation
import Kernels
import TestSupport
import Testing

@Suite("Denormal numbers", .serialized)
struct DenormalTests {
    /// The work of a thread of its own, since the setting is the thread's.
    private func onThread<Value: Sendable>(_ body: @escaping @Sendable () -> Value) -> Value {
        let done = DispatchSemaphore(value: 0)
        nonisolated(unsafe) var value: Value?
        Thread {
            value = body()
            done.signal()
        }.start()
        done.wait()
        guard let value else { preconditionFailure("no value") }
        return value
    }

    @Test("are zero, read or made, once OpenBLAS was told to use one thread")
    func flushed() {
        let (after, inside, again, product, read) = onThread { () -> (Bool, Bool, Bool, Float, Float) in
            let small = Buffer<Float>([1e-30, Float(bitPattern: 71_362)])
            BLAS.useOneThread()
            let after = Denormals.areFlushed
            let inside = Denormals.kept { Denormals.areFlushed || small.pointer[0] * 1e-10 == 0 }
            return (after, inside, Denormals.areFlushed, small.pointer[0] * 1e-10, small.pointer[1] * 1e20)
        }
        #expect(after && !inside && again)
        #expect(product == 0 && read == 0)
    }

    // OpenBLAS computes the larger ones.
    @Test("gemm makes none and takes none", arguments: [64, 112])
    func product(side: Int) {
        let largest = onThread { () -> Float in
            BLAS.useOneThread()
            let (a, b) = (
                Buffer<Float>([Float](repeating: 1e-25, count: side * side)),
                Buffer<Float>([Float](repeating: 1e-18, count: side * side))
            )
            let c = Buffer<Float>(side * side)
            gemm(
                side, side, side, Matrix(a.pointer, stride: side), Matrix(b.pointer, stride: side), c.pointer,
                stride: side)
            return c.elements.map { abs($0) }.max() ?? 1
        }
        #expect(largest == 0)
    }
}
