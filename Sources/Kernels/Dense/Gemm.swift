import COpenBLAS

#if XSMM
    import CXSMM
#endif

/// A row-major float32 matrix in memory, used as it stands or transposed.
public struct Matrix {
    let elements: UnsafePointer<Float>
    let stride: Int
    let isTransposed: Bool

    /// The matrix at an address, with `stride` floats from one stored row to the next.
    @inline(__always)
    public init(_ elements: UnsafePointer<Float>, stride: Int, transposed: Bool = false) {
        self.elements = elements
        self.stride = stride
        isTransposed = transposed
    }
}

/// C = A B, or C += A B where `adding`: A is `m` x `k` and B `k` x `n` (after transposition), C `m` x `n` with `stride`
/// floats a row. Small products go by ``SmallProduct``, the others by OpenBLAS. Bits depend on the shape (and the CPU's
/// kernel) alone. Reads up to 15 floats behind B.
public func gemm(
    _ m: Int, _ n: Int, _ k: Int, _ a: Matrix, _ b: Matrix, adding: Bool = false, _ c: UnsafeMutablePointer<Float>,
    stride: Int
) {
    if SmallProduct.suits(m, n, k) {
        return SmallProduct.multiply(m, n, k, a, b, adding: adding, c, stride: stride)
    }
    cblas_sgemm(
        CblasRowMajor, a.isTransposed ? CblasTrans : CblasNoTrans, b.isTransposed ? CblasTrans : CblasNoTrans,
        blasint(m), blasint(n), blasint(k), 1, a.elements, blasint(a.stride), b.elements, blasint(b.stride),
        adding ? 1 : 0, c, blasint(stride))
}

/// The BLAS library as this process uses it.
public enum BLAS {
    /// One thread, the calling one, which takes denormal numbers for zero: parallelism is by ranks. Called before the
    /// first `gemm`.
    public static func useOneThread() {
        openblas_set_num_threads(1)
        Denormals.flush()
    }

    /// The threads that OpenBLAS uses now.
    public static var threads: Int { Int(openblas_get_num_threads()) }

    /// `OpenBLAS 0.3.21 ...`, and LIBXSMM's version where it is built in.
    public static var version: String {
        let openBLAS = String(cString: openblas_get_config()).split(separator: " ").prefix(2).joined(separator: " ")
        #if XSMM
            return openBLAS + ", LIBXSMM " + String(cString: xsmm_version())
        #else
            return openBLAS
        #endif
    }

    /// The most rows of a product in which a row's bits depend neither on its place nor on the other rows. OpenBLAS's
    /// AVX2 kernels take the rows behind the first dozen another way.
    public static var independentRows: Int {
        let avx2 = ["Haswell", "Zen", "Excavator", "Steamroller", "Piledriver"]
        return avx2.contains(String(cString: openblas_get_corename())) ? 8 : 20
    }

    /// The kernel set that OpenBLAS chose for this CPU (`SkylakeX`, `Zen`, `Haswell`, ...), and LIBXSMM's target where
    /// it is built in. Bits depend on them.
    public static var kernel: String {
        let openBLAS = "OpenBLAS " + String(cString: openblas_get_corename())
        #if XSMM
            return openBLAS + ", LIBXSMM " + String(cString: libxsmm_get_target_arch())
        #else
            return openBLAS
        #endif
    }
}
