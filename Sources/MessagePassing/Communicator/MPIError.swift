internal import COpenMPI
import Essentials

/// The error that an MPI function returned (MPI 3.1, section 8.4).
struct MPIError: Error {
    let function: StaticString
    let errorClass: Int32
    let text: String

    init(_ function: StaticString, code: Int32) {
        self.function = function
        var errorClass: Int32 = 0
        MPI_Error_class(code, &errorClass)
        self.errorClass = errorClass
        var length: Int32 = 0
        let bytes = [CChar](unsafeUninitializedCapacity: Int(MPI_MAX_ERROR_STRING)) { buffer, count in
            MPI_Error_string(code, buffer.baseAddress, &length)
            count = Int(length)
        }
        text = String(decoding: bytes.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    var failure: Failure {
        Failure(
            .inputOutput,
            "\(function) failed with error class \(errorClass), \(text): look for a rank or a host that went away, "
                + "then start again")
    }
}

/// Turns an MPI function's return code into a failure that names the function.
func check(_ code: Int32, _ function: StaticString) throws {
    if code != MPI_SUCCESS { throw MPIError(function, code: code).failure }
}

/// A count as MPI takes it.
package func messageCount(_ count: Int) -> Int32 {
    precondition(
        0 <= count && count <= Int(Int32.max), "a message of \(count) elements; MPI takes at most \(Int32.max)")
    return Int32(count)
}
