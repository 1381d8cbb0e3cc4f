import CHDF5
import Essentials

/// The most that a file may ask for. A file beyond these is refused before memory is taken for it.
enum HDF5Limits {
    /// Bytes of a file.
    static let fileBytes = 4 << 30
    /// Bytes of all datasets of a file together.
    static let tensorBytes = 8 << 30
    /// Bytes of one chunk.
    static let chunkBytes = 256 << 20
    /// Numbers that one stored byte can stand for: deflate packs at most 1032 bytes into one.
    static let packing = 1_100
    /// Objects of a file, attributes of an object, groups in groups.
    static let objects = 10_000
    static let attributes = 1_000
    static let depth = 16
}

extension HDF5Tree {
    /// The content of the image of an HDF5 file, with or without a user block.
    ///
    /// Accepted are groups, datasets of the types of `Elements`, and scalar attributes (text, integers, floats); plain
    /// links; the filters shuffle, deflate and fletcher32. Everything else is refused with its name: soft and external
    /// links, external and virtual storage, other filters and types, objects of several names, sizes beyond what the
    /// stored bytes can hold. Types and shapes are checked before memory is taken. libhdf5 itself may crash on a
    /// damaged image: see `SealedFile`.
    ///
    /// - Throws: `Failure` 65 naming the object.
    public static func decode(_ image: [UInt8]) throws -> HDF5Tree {
        try HDF5Library.exclusively { name in
            var decoder = TreeDecoder(storedBytes: image.count)
            try decoder.read(image, name: name)
            return decoder.tree
        }
    }
}

/// Reads a tree from a file in memory. Only while the library is held.
struct TreeDecoder {
    let storedBytes: Int
    var tree = HDF5Tree()
    private var objects = 0
    private var tensorBytes = 0

    init(storedBytes: Int) { self.storedBytes = storedBytes }

    mutating func read(_ image: [UInt8], name: String) throws {
        guard !image.isEmpty else { throw Failure(.data, "the file is empty") }
        let access = try HDF5Identifier(H5Pcreate(hdf5_file_access()), "H5Pcreate")
        try check(H5Pset_fapl_core(access.raw, 1 << 20, false) >= 0, "H5Pset_fapl_core")
        try check(H5Pset_fclose_degree(access.raw, H5F_CLOSE_STRONG) >= 0, "H5Pset_fclose_degree")
        // The library copies the image and writes nothing to it.
        let status = image.withUnsafeBytes {
            H5Pset_file_image(access.raw, UnsafeMutableRawPointer(mutating: $0.baseAddress), $0.count)
        }
        try check(status >= 0, "H5Pset_file_image")
        let file = H5Fopen(name, hdf5_read_only(), access.raw)
        guard file >= 0 else { throw Failure(.data, "not a readable HDF5 file: \(HDF5Library.takeReason())") }
        let root = try HDF5Identifier(file, "H5Fopen")
        let group = try HDF5Identifier(H5Oopen(root.raw, "/", hdf5_default), "H5Oopen")
        try readObject(group, path: "", depth: 0)
    }

    private mutating func readObject(_ object: borrowing HDF5Identifier, path: String, depth: Int) throws {
        do {
            objects += 1
            try demand(objects <= HDF5Limits.objects, "the file has more than \(HDF5Limits.objects) objects")
            var info = hdf5_object()
            try check(hdf5_object_info(object.raw, &info) >= 0, "H5Oget_info")
            try demand(path.isEmpty || info.links == 1, "it has several names; only one is allowed")
            try demand(info.attributes <= HDF5Limits.attributes, "more than \(HDF5Limits.attributes) attributes")
            try readAttributes(of: object, count: Int(info.attributes), path: path)
            switch info.type {
            case H5O_TYPE_DATASET: try readDataset(object, path: path)
            case H5O_TYPE_GROUP: break
            default: throw Failure(.data, "neither a group nor a dataset")
            }
            guard info.type == H5O_TYPE_GROUP else { return }
        } catch let failure as Failure {
            throw Failure(failure.code, "object /\(path): \(failure.message)")
        }
        try demand(depth < HDF5Limits.depth, "object /\(path): more than \(HDF5Limits.depth) groups in groups")
        for name in try linkNames(object, path: path) {
            try demand(!name.contains("/"), "object /\(path): a member's name has a slash")
            let child = path.isEmpty ? name : "\(path)/\(name)"
            let opened = try open(name, in: object, path: child)
            try readObject(opened, path: child, depth: depth + 1)
        }
    }

    // MARK: Links

    func linkNames(_ group: borrowing HDF5Identifier, path: String) throws -> [String] {
        var info = H5G_info_t()
        guard H5Gget_info(group.raw, &info) >= 0 else {
            throw Failure(.data, "object /\(path): \(HDF5Library.takeReason())")
        }
        try demand(info.nlinks <= HDF5Limits.objects, "object /\(path): more than \(HDF5Limits.objects) members")
        return try (0..<info.nlinks).map { index in
            try text("a name in /\(path)") { buffer, size in
                H5Lget_name_by_idx(
                    group.raw, ".", H5_INDEX_NAME, H5_ITER_INC, index, buffer, size, hdf5_default)
            }
        }
    }

    func open(_ name: String, in group: borrowing HDF5Identifier, path: String) throws -> HDF5Identifier {
        var type = H5L_TYPE_ERROR
        guard hdf5_link_type(group.raw, name, &type) >= 0 else {
            throw Failure(.data, "object /\(path): \(HDF5Library.takeReason())")
        }
        switch type {
        case H5L_TYPE_HARD: break
        case H5L_TYPE_SOFT: throw Failure(.data, "object /\(path): a soft link, which is not allowed")
        case H5L_TYPE_EXTERNAL: throw Failure(.data, "object /\(path): a link to another file, which is not allowed")
        default: throw Failure(.data, "object /\(path): a link of an unknown kind")
        }
        let object = H5Oopen(group.raw, name, hdf5_default)
        guard object >= 0 else { throw Failure(.data, "object /\(path): \(HDF5Library.takeReason())") }
        return try HDF5Identifier(object, "H5Oopen")
    }

    /// A name that a function of libhdf5 writes into a buffer, checked.
    private func text(_ what: String, _ get: (UnsafeMutablePointer<CChar>?, Int) -> Int) throws -> String {
        let size = get(nil, 0)
        guard size >= 0 else { throw Failure(.data, "\(what): \(HDF5Library.takeReason())") }
        try demand(size <= 1_024, "\(what): longer than 1024 bytes")
        var buffer = [CChar](repeating: 0, count: size + 1)
        let got = get(&buffer, size + 1)
        let bytes = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        guard got == size, bytes.count == size, let name = String(validating: bytes, as: UTF8.self),
            isAllowedName(name)
        else { throw Failure(.data, "\(what): not a name that is allowed") }
        return name
    }

    // MARK: Attributes

    private mutating func readAttributes(of object: borrowing HDF5Identifier, count: Int, path: String) throws {
        for index in 0..<count {
            let attribute = try HDF5Identifier(
                H5Aopen_by_idx(
                    object.raw, ".", H5_INDEX_NAME, H5_ITER_INC, hsize_t(index), hdf5_default, hdf5_default),
                "H5Aopen_by_idx")
            let name = try text("an attribute") { buffer, size in H5Aget_name(attribute.raw, size, buffer) }
            do {
                try demand(tree.attributes[path]?[name] == nil, "there twice")
                tree.attributes[path, default: [:]][name] = try value(of: attribute)
            } catch let failure as Failure {
                throw Failure(failure.code, "attribute '\(name)': \(failure.message)")
            }
        }
    }

    private func value(of attribute: borrowing HDF5Identifier) throws -> HDF5Attribute {
        let space = try HDF5Identifier(H5Aget_space(attribute.raw), "H5Aget_space")
        try demand(H5Sget_simple_extent_type(space.raw) == H5S_SCALAR, "not a single value")
        let type = try HDF5Identifier(H5Aget_type(attribute.raw), "H5Aget_type")
        switch H5Tget_class(type.raw) {
        case H5T_STRING:
            return .string(try string(of: attribute, type))
        case H5T_FLOAT:
            try demand(isOne(of: [hdf5_float32(), hdf5_float64()], type), "not a float32 or float64")
            var number = 0.0
            try check(H5Aread(attribute.raw, hdf5_float64(), &number) >= 0, "H5Aread")
            return .float64(number)
        case H5T_INTEGER:
            if isOne(of: [hdf5_uint64()], type) {
                var number: UInt64 = 0
                try check(H5Aread(attribute.raw, hdf5_uint64(), &number) >= 0, "H5Aread")
                return .uint64(number)
            }
            let others = [
                hdf5_int8(), hdf5_int16(), hdf5_int32(), hdf5_int64(), hdf5_uint8(), hdf5_uint16(), hdf5_uint32(),
            ]
            try demand(isOne(of: others, type), "not a little-endian integer of 8 to 64 bits")
            var number: Int64 = 0
            try check(H5Aread(attribute.raw, hdf5_int64(), &number) >= 0, "H5Aread")
            return .int64(number)
        default:
            throw Failure(.data, "neither text nor a number")
        }
    }

    private func string(of attribute: borrowing HDF5Identifier, _ type: borrowing HDF5Identifier) throws -> String {
        if H5Tis_variable_str(type.raw) > 0 {
            var pointer: UnsafeMutablePointer<CChar>?
            try check(H5Aread(attribute.raw, type.raw, &pointer) >= 0, "H5Aread")
            defer { H5free_memory(pointer) }
            guard let pointer else { return "" }
            guard let text = String(validatingCString: pointer) else { throw Failure(.data, "the text is not UTF-8") }
            return text
        }
        let size = H5Tget_size(type.raw)
        try demand(size > 0 && size <= storedBytes, "a text longer than the file")
        var bytes = [UInt8](repeating: 0, count: size)
        try check(H5Aread(attribute.raw, type.raw, &bytes) >= 0, "H5Aread")
        guard let text = String(validating: bytes.prefix { $0 != 0 }, as: UTF8.self) else {
            throw Failure(.data, "the text is not UTF-8")
        }
        return text
    }

    // MARK: Datasets

    private mutating func readDataset(_ dataset: borrowing HDF5Identifier, path: String) throws {
        let type = try HDF5Identifier(H5Dget_type(dataset.raw), "H5Dget_type")
        guard let element = ElementType.allCases.first(where: { H5Tequal(type.raw, fileType($0)) > 0 }) else {
            let known = ElementType.allCases.map(\.rawValue).joined(separator: ", ")
            throw Failure(.data, "a type that is not read here (known: \(known), little-endian)")
        }
        let shape = try self.shape(of: dataset)
        let (count, bytes) = try size(of: shape, width: element.width)
        try checkStorage(of: dataset, bytes: bytes)
        tensorBytes += bytes
        try demand(tensorBytes <= HDF5Limits.tensorBytes, "the file holds more than 8 GiB of numbers")
        let elements: Elements =
            switch element {
            case .float32: .float32(try read(dataset, element, count))
            case .float64: .float64(try read(dataset, element, count))
            case .int64: .int64(try read(dataset, element, count))
            case .int32: .int32(try read(dataset, element, count))
            case .int16: .int16(try read(dataset, element, count))
            case .uint8: .uint8(try read(dataset, element, count))
            }
        tree.tensors[path] = Tensor(shape: shape, elements: elements)
    }

    func shape(of dataset: borrowing HDF5Identifier) throws -> [Int] {
        let space = try HDF5Identifier(H5Dget_space(dataset.raw), "H5Dget_space")
        switch H5Sget_simple_extent_type(space.raw) {
        case H5S_SCALAR: return []
        case H5S_SIMPLE: break
        default: throw Failure(.data, "it has no shape")
        }
        let rank = Int(H5Sget_simple_extent_ndims(space.raw))
        try demand((1...Int(H5S_MAX_RANK)).contains(rank), "it has no sound count of dimensions")
        var extents = [hsize_t](repeating: 0, count: rank)
        try check(H5Sget_simple_extent_dims(space.raw, &extents, nil) == Int32(rank), "H5Sget_simple_extent_dims")
        return try extents.map { extent in
            guard let extent = Int(exactly: extent) else { throw Failure(.data, "an extent of \(extent)") }
            return extent
        }
    }

    /// The count of numbers and of bytes of a shape. A shape with a 0 must be sane in its other extents too.
    private func size(of shape: [Int], width: Int) throws -> (count: Int, bytes: Int) {
        var bytes = width
        for extent in shape {
            let (product, overflow) = bytes.multipliedReportingOverflow(by: max(1, extent))
            try demand(!overflow && product <= HDF5Limits.tensorBytes, "its claimed shape \(shape) is too large")
            bytes = product
        }
        return shape.contains(0) ? (0, 0) : (bytes / width, bytes)
    }

    private func checkStorage(of dataset: borrowing HDF5Identifier, bytes: Int) throws {
        let creation = try HDF5Identifier(H5Dget_create_plist(dataset.raw), "H5Dget_create_plist")
        switch H5Pget_layout(creation.raw) {
        case H5D_COMPACT: break
        case H5D_CONTIGUOUS:
            try demand(H5Pget_external_count(creation.raw) == 0, "its numbers are in another file: not allowed")
        case H5D_CHUNKED: try checkChunks(creation)
        default: throw Failure(.data, "a layout that is not allowed (a virtual dataset?)")
        }
        try checkFilters(creation)
        let stored = min(Int(clamping: H5Dget_storage_size(dataset.raw)), storedBytes)
        if H5Pget_layout(creation.raw) != H5D_CHUNKED {
            // libhdf5 reads past the end of what is stored otherwise.
            try demand(stored == bytes, "its shape asks for \(bytes) bytes, and \(stored) are stored")
        }
        try demand(
            bytes / HDF5Limits.packing <= stored && (bytes == 0 || stored > 0),
            "it claims \(bytes) bytes, and the \(stored) stored bytes cannot hold them")
    }

    func checkChunks(_ creation: borrowing HDF5Identifier) throws {
        var chunk = [hsize_t](repeating: 0, count: Int(H5S_MAX_RANK))
        let rank = Int(H5Pget_chunk(creation.raw, Int32(chunk.count), &chunk))
        try check((1...chunk.count).contains(rank), "H5Pget_chunk")
        var numbers = 1
        for extent in chunk.prefix(rank) {
            let (product, overflow) = numbers.multipliedReportingOverflow(by: Int(clamping: extent))
            try demand(extent > 0 && !overflow && product <= HDF5Limits.chunkBytes / 8, "its chunks are too large")
            numbers = product
        }
    }

    func checkFilters(_ creation: borrowing HDF5Identifier) throws {
        let count = H5Pget_nfilters(creation.raw)
        try check(count >= 0, "H5Pget_nfilters")
        try demand(count <= 8, "more than 8 filters")
        for index in 0..<UInt32(count) {
            var flags: UInt32 = 0
            var values = 0
            var configuration: UInt32 = 0
            let filter = H5Pget_filter2(creation.raw, index, &flags, &values, nil, 0, nil, &configuration)
            try check(filter >= 0, "H5Pget_filter2")
            try demand(
                [H5Z_FILTER_DEFLATE, H5Z_FILTER_SHUFFLE, H5Z_FILTER_FLETCHER32].contains(filter),
                "the filter \(filter) is not allowed (allowed: deflate, shuffle, fletcher32)")
        }
    }

    private func read<Number: BitwiseCopyable>(
        _ dataset: borrowing HDF5Identifier, _ type: ElementType, _ count: Int
    ) throws -> [Number] {
        guard count > 0 else { return [] }
        let raw = dataset.raw
        return try [Number](unsafeUninitializedCapacity: count) { buffer, initialized in
            let status = H5Dread(raw, fileType(type), hdf5_all, hdf5_all, hdf5_default, buffer.baseAddress)
            try check(status >= 0, "H5Dread")
            initialized = count
        }
    }
}

private func isOne(of types: [hid_t], _ type: borrowing HDF5Identifier) -> Bool {
    let raw = type.raw
    return types.contains { H5Tequal(raw, $0) > 0 }
}

/// A demand on a file's content.
func demand(_ condition: Bool, _ message: @autoclosure () -> String) throws {
    if !condition { throw Failure(.data, message()) }
}
