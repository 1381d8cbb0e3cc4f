internal import COpenMPI

/// The number formats that messages are made of.
public enum MessageFormat: Sendable {
    /// A byte; cannot be summed.
    case byte
    /// A signed integer of 32 bits.
    case int32
    /// A signed integer of 64 bits.
    case int64
    /// IEEE single precision.
    case float
    /// IEEE double precision.
    case double

    var datatype: MPI_Datatype {
        switch self {
        case .byte: mpi_byte()
        case .int32: mpi_int32()
        case .int64: mpi_int64()
        case .float: mpi_float()
        case .double: mpi_double()
        }
    }
}

/// A type whose values the pointer forms of the collectives send as they are, counted in elements.
public protocol MessageElement: BitwiseCopyable, Sendable {
    /// Its format.
    static var messageFormat: MessageFormat { get }
}

extension MessageElement {
    static var datatype: MPI_Datatype { messageFormat.datatype }
}

/// A message element that can be summed and compared across ranks.
public protocol ReducibleElement: MessageElement, AdditiveArithmetic, Comparable {}

extension UInt8: MessageElement {
    /// A byte.
    public static var messageFormat: MessageFormat { .byte }
}

extension Int32: ReducibleElement {
    /// 32 bits.
    public static var messageFormat: MessageFormat { .int32 }
}

extension Int64: ReducibleElement {
    /// 64 bits.
    public static var messageFormat: MessageFormat { .int64 }
}

extension Float: ReducibleElement {
    /// Single precision.
    public static var messageFormat: MessageFormat { .float }
}

extension Double: ReducibleElement {
    /// Double precision.
    public static var messageFormat: MessageFormat { .double }
}
