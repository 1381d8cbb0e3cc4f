import CHDF5
import Essentials
import Foundation

/// The datasets of an HDF5 file and the places of their bytes: enough to read them without libhdf5.
///
/// It is made from a file's metadata alone, so in bounded memory whatever the file's size. libhdf5 can crash on a
/// damaged file: `UntrustedDecoder.index` makes it in a child process.
public struct HDF5Index: Codable, Sendable {
    /// A dataset of numbers.
    public struct Dataset: Codable, Sendable {
        /// The path without a leading slash.
        public let path: String
        /// `uint8`, `int8`, ... `uint64`, `int64`, `float32`, `float64`.
        public let type: String
        /// True where the most significant byte comes first.
        public let isBigEndian: Bool
        /// The extents.
        public let shape: [Int]
        /// The place of the numbers.
        public let storage: Storage
    }

    /// The place of a dataset's numbers.
    public enum Storage: Codable, Sendable {
        /// One run of bytes from an offset on.
        case contiguous(offset: Int)
        /// Pieces of equal shape, each behind the filters.
        case chunked(shape: [Int], filters: [Filter], chunks: [Chunk])
    }

    /// The filters that a chunk went through when it was written.
    public enum Filter: Int, Codable, Sendable {
        /// zlib.
        case deflate = 1
        /// First bytes of all numbers, then second ones, ...
        case shuffle = 2
        /// Four bytes of a checksum behind it.
        case fletcher32 = 3
    }

    /// A piece of a dataset.
    public struct Chunk: Codable, Sendable {
        /// The index of its first number in each dimension.
        public let origin: [Int]
        /// The place in the file.
        public let offset: Int
        /// The bytes there.
        public let size: Int
        /// A bit for each filter that it did not go through.
        public let mask: UInt32
    }

    /// The datasets of numbers in plain storage.
    public let datasets: [Dataset]
    /// Why another object is not among them: path and reason.
    public let others: [String: String]

    /// Chunks of a file at most: the index stays below 64 MB.
    static let mostChunks = 400_000

    /// Reads a file's metadata, in this process.
    ///
    /// - Throws: `Failure` 65 where it is no readable HDF5 file, or has more objects than is sensible.
    public static func read(_ path: String) throws -> HDF5Index {
        try HDF5Library.exclusively { _ in
            let file = H5Fopen(path, hdf5_read_only(), hdf5_default)
            guard file >= 0 else { throw Failure(.data, "not a readable HDF5 file: \(HDF5Library.takeReason())") }
            let root = try HDF5Identifier(file, "H5Fopen")
            let creation = try HDF5Identifier(H5Fget_create_plist(root.raw), "H5Fget_create_plist")
            var block: hsize_t = 0
            try check(H5Pget_userblock(creation.raw, &block) >= 0, "H5Pget_userblock")
            var status = stat()
            guard stat(path, &status) == 0 else { throw systemFailure(.noInput, "read", path) }
            var reader = IndexReader(fileBytes: Int(status.st_size), hasUserBlock: block > 0)
            let group = try HDF5Identifier(H5Oopen(root.raw, "/", hdf5_default), "H5Oopen")
            try reader.readGroup(group, path: "", depth: 0)
            return HDF5Index(datasets: reader.datasets, others: reader.others)
        }
    }
}

/// Walks through a file's groups. Only while the library is held.
private struct IndexReader {
    let hasUserBlock: Bool
    private let decoder: TreeDecoder
    private(set) var datasets: [HDF5Index.Dataset] = []
    private(set) var others: [String: String] = [:]
    private var objects = 0
    private var chunks = 0

    init(fileBytes: Int, hasUserBlock: Bool) {
        self.hasUserBlock = hasUserBlock
        decoder = TreeDecoder(storedBytes: fileBytes)
    }

    mutating func readGroup(_ group: borrowing HDF5Identifier, path: String, depth: Int) throws {
        try demand(depth <= HDF5Limits.depth, "object /\(path): more than \(HDF5Limits.depth) groups in groups")
        for name in try decoder.linkNames(group, path: path) {
            objects += 1
            try demand(objects <= HDF5Limits.objects, "the file has more than \(HDF5Limits.objects) objects")
            let child = path.isEmpty ? name : "\(path)/\(name)"
            do {
                let object = try decoder.open(name, in: group, path: child)
                var info = hdf5_object()
                try check(hdf5_object_info(object.raw, &info) >= 0, "H5Oget_info")
                switch info.type {
                case H5O_TYPE_GROUP: try readGroup(object, path: child, depth: depth + 1)
                case H5O_TYPE_DATASET: datasets.append(try dataset(object, path: child))
                default: break
                }
            } catch let failure as Failure where failure.code == .data {
                others[child] = failure.message
            }
        }
    }

    private mutating func dataset(_ dataset: borrowing HDF5Identifier, path: String) throws -> HDF5Index.Dataset {
        let type = try HDF5Identifier(H5Dget_type(dataset.raw), "H5Dget_type")
        let (name, isBig) = try numberType(type)
        let shape = try decoder.shape(of: dataset)
        let creation = try HDF5Identifier(H5Dget_create_plist(dataset.raw), "H5Dget_create_plist")
        let storage: HDF5Index.Storage
        switch H5Pget_layout(creation.raw) {
        case H5D_CONTIGUOUS:
            try demand(H5Pget_external_count(creation.raw) == 0, "its numbers are in another file: not allowed")
            let offset = H5Dget_offset(dataset.raw)
            try demand(offset != haddr_t.max, "nothing was written to it")
            storage = .contiguous(offset: try exact(offset))
        case H5D_CHUNKED:
            storage = try chunked(dataset, creation, shape)
        default: throw Failure(.data, "a layout that is not read in place (compact or virtual)")
        }
        return HDF5Index.Dataset(path: path, type: name, isBigEndian: isBig, shape: shape, storage: storage)
    }

    private func exact(_ number: some BinaryInteger) throws -> Int {
        guard let number = Int(exactly: number) else { throw Failure(.data, "a place of \(number)") }
        return number
    }

    private func numberType(_ type: borrowing HDF5Identifier) throws -> (String, Bool) {
        let size = H5Tget_size(type.raw)
        let isBig = H5Tget_order(type.raw) == H5T_ORDER_BE
        switch H5Tget_class(type.raw) {
        case H5T_INTEGER:
            try demand(
                [1, 2, 4, 8].contains(size) && H5Tget_precision(type.raw) == 8 * size, "integers of an odd width")
            return ((H5Tget_sign(type.raw) == H5T_SGN_NONE ? "uint" : "int") + "\(8 * size)", isBig)
        case H5T_FLOAT:
            for (name, known) in [
                ("float32", hdf5_float32()), ("float32", hdf5_float32_big()), ("float64", hdf5_float64()),
                ("float64", hdf5_float64_big()),
            ] where H5Tequal(type.raw, known) > 0 { return (name, isBig) }
            throw Failure(.data, "floats of another kind than float32 and float64")
        default: throw Failure(.data, "neither integers nor floats")
        }
    }

    private mutating func chunked(
        _ dataset: borrowing HDF5Identifier, _ creation: borrowing HDF5Identifier, _ shape: [Int]
    ) throws -> HDF5Index.Storage {
        // libhdf5 1.10 gives chunks' places without the user block, 1.14 with it.
        try demand(!hasUserBlock, "chunks in a file with a user block")
        try decoder.checkChunks(creation)
        try decoder.checkFilters(creation)
        var extents = [hsize_t](repeating: 0, count: shape.count)
        try check(
            H5Pget_chunk(creation.raw, Int32(extents.count), &extents) == Int32(shape.count), "H5Pget_chunk")
        var filters: [HDF5Index.Filter] = []
        for index in 0..<UInt32(max(0, H5Pget_nfilters(creation.raw))) {
            var (flags, configuration): (UInt32, UInt32) = (0, 0)
            var values = 0
            let filter = H5Pget_filter2(creation.raw, index, &flags, &values, nil, 0, nil, &configuration)
            if let known = HDF5Index.Filter(rawValue: Int(filter)) { filters.append(known) }
        }
        let space = try HDF5Identifier(H5Dget_space(dataset.raw), "H5Dget_space")
        var count: hsize_t = 0
        try check(H5Dget_num_chunks(dataset.raw, space.raw, &count) >= 0, "H5Dget_num_chunks")
        chunks += Int(clamping: count)
        try demand(
            chunks <= HDF5Index.mostChunks, "more than \(HDF5Index.mostChunks) chunks: rewrite it with larger ones")
        let pieces = try (0..<count).map { index in
            var origin = [hsize_t](repeating: 0, count: shape.count)
            var mask: UInt32 = 0
            var (offset, size): (haddr_t, hsize_t) = (0, 0)
            try check(
                H5Dget_chunk_info(dataset.raw, space.raw, index, &origin, &mask, &offset, &size) >= 0,
                "H5Dget_chunk_info")
            return HDF5Index.Chunk(
                origin: try origin.map(exact), offset: try exact(offset), size: try exact(size), mask: mask)
        }
        return .chunked(shape: try extents.map(exact), filters: filters, chunks: pieces)
    }
}
