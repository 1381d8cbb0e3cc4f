import CHDF5
import Essentials

extension HDF5Tree {
    /// Bytes that stand before the HDF5 image in our files (`SealedFile`); HDF5 calls them the user block.
    static let userBlockSize = 512

    /// The image of an HDF5 file with this content, made in memory. It is meant to stand after a user block of 512
    /// bytes; readers accept it alone too. Equal trees give equal bytes.
    ///
    /// Datasets are chunked (at most 1 MiB each) with shuffle, deflate and fletcher32; scalars and empty ones, which
    /// have nothing to pack, are contiguous. Objects carry no times.
    ///
    /// - Parameter compression: the level of deflate, 1 (fast) to 9.
    /// - Throws: `Failure` 65 naming the object where a name or a text cannot be stored (an empty name, a NUL, a group
    ///   and a dataset of one name), 70 where memory is short.
    public func encoded(compression: UInt32 = 1) throws -> [UInt8] {
        precondition((1...9).contains(compression), "no such level of deflate: \(compression)")
        return try HDF5Library.exclusively { try TreeEncoder(compression: compression).image(of: self, name: $0) }
    }
}

/// Writes a tree into a file in memory. Only while the library is held.
private struct TreeEncoder {
    let compression: UInt32
    static let chunkBytes = 1 << 20

    func image(of tree: HDF5Tree, name: String) throws -> [UInt8] {
        let access = try HDF5Identifier(H5Pcreate(hdf5_file_access()), "H5Pcreate")
        try check(H5Pset_fapl_core(access.raw, 4 << 20, false) >= 0, "H5Pset_fapl_core")
        try check(H5Pset_fclose_degree(access.raw, H5F_CLOSE_STRONG) >= 0, "H5Pset_fclose_degree")
        // The oldest format, which every reader knows. The newer ones have a checksum in the superblock that
        // H5Fget_file_image of HDF5 1.10 breaks.
        try check(H5Pset_libver_bounds(access.raw, H5F_LIBVER_EARLIEST, H5F_LIBVER_V18) >= 0, "H5Pset_libver_bounds")
        let creation = try HDF5Identifier(H5Pcreate(hdf5_file_create()), "H5Pcreate")
        try check(H5Pset_userblock(creation.raw, hsize_t(HDF5Tree.userBlockSize)) >= 0, "H5Pset_userblock")
        try check(H5Pset_obj_track_times(creation.raw, false) >= 0, "H5Pset_obj_track_times")
        let file = try HDF5Identifier(
            H5Fcreate(name, hdf5_truncate(), creation.raw, access.raw), "H5Fcreate")

        for path in groups(of: tree) { try at(path) { try createGroup(path, in: file) } }
        for path in tree.tensors.keys.sorted(by: utf8Order) {
            guard let tensor = tree.tensors[path] else { continue }
            try at(path) { try write(tensor, to: path, in: file) }
        }
        for path in tree.attributes.keys.sorted(by: utf8Order) {
            guard let attributes = tree.attributes[path] else { continue }
            try at(path) { try write(attributes, of: path, in: file) }
        }
        try check(H5Fflush(file.raw, H5F_SCOPE_GLOBAL) >= 0, "H5Fflush")
        let size = H5Fget_file_image(file.raw, nil, 0)
        try check(size > 0, "H5Fget_file_image")
        return try [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            count = H5Fget_file_image(file.raw, buffer.baseAddress, size)
            try check(count == size, "H5Fget_file_image")
        }
    }

    private func at(_ path: String, _ body: () throws -> Void) throws {
        do { try body() } catch let failure as Failure {
            throw Failure(failure.code, "cannot store the object /\(path): \(failure.message)")
        }
    }

    /// Every group that the paths imply, parents first.
    private func groups(of tree: HDF5Tree) -> [String] {
        var groups: Set<String> = []
        func addParents(_ path: String) {
            let names = path.split(separator: "/", omittingEmptySubsequences: false)
            for depth in 1..<max(1, names.count) { groups.insert(names[..<depth].joined(separator: "/")) }
        }
        for path in tree.tensors.keys { addParents(path) }
        for path in tree.attributes.keys where !path.isEmpty && tree.tensors[path] == nil {
            addParents(path)
            groups.insert(path)
        }
        return groups.sorted(by: utf8Order)
    }

    private func createGroup(_ path: String, in file: borrowing HDF5Identifier) throws {
        try checkNames(path.split(separator: "/", omittingEmptySubsequences: false))
        let creation = try HDF5Identifier(H5Pcreate(hdf5_group_create()), "H5Pcreate")
        try check(H5Pset_obj_track_times(creation.raw, false) >= 0, "H5Pset_obj_track_times")
        _ = try HDF5Identifier(
            H5Gcreate2(file.raw, path, hdf5_default, creation.raw, hdf5_default), "H5Gcreate2")
    }

    private func write(_ tensor: Tensor, to path: String, in file: borrowing HDF5Identifier) throws {
        try checkNames(path.split(separator: "/", omittingEmptySubsequences: false))
        guard tensor.shape.count <= Int(H5S_MAX_RANK) else { throw Failure(.data, "more than 32 dimensions") }
        let space = try dataspace(tensor.shape)
        let creation = try HDF5Identifier(H5Pcreate(hdf5_dataset_create()), "H5Pcreate")
        try check(H5Pset_obj_track_times(creation.raw, false) >= 0, "H5Pset_obj_track_times")
        let isPacked = !tensor.shape.isEmpty && tensor.elements.count > 0
        if isPacked {
            let chunk = chunkShape(tensor.shape, width: tensor.elements.type.width).map { hsize_t($0) }
            try check(H5Pset_chunk(creation.raw, Int32(chunk.count), chunk) >= 0, "H5Pset_chunk")
            try check(H5Pset_shuffle(creation.raw) >= 0, "H5Pset_shuffle")
            try check(H5Pset_deflate(creation.raw, compression) >= 0, "H5Pset_deflate")
            try check(H5Pset_fletcher32(creation.raw) >= 0, "H5Pset_fletcher32")
        }
        let type = fileType(tensor.elements.type)
        let dataset = try HDF5Identifier(
            H5Dcreate2(file.raw, path, type, space.raw, hdf5_default, creation.raw, hdf5_default), "H5Dcreate2")
        let status = tensor.elements.withUnsafeBytes {
            $0.isEmpty ? 0 : H5Dwrite(dataset.raw, type, hdf5_all, hdf5_all, hdf5_default, $0.baseAddress)
        }
        try check(status >= 0, "H5Dwrite")
    }

    /// The largest chunk of at most 1 MiB that is whole in as many of the last dimensions as fit.
    private func chunkShape(_ shape: [Int], width: Int) -> [Int] {
        var room = Self.chunkBytes / width
        var chunk = shape
        for axis in shape.indices.reversed() {
            chunk[axis] = max(1, min(shape[axis], room))
            room /= chunk[axis]
        }
        return chunk
    }

    private func write(_ attributes: [String: HDF5Attribute], of path: String, in file: borrowing HDF5Identifier) throws
    {
        let object = try HDF5Identifier(H5Oopen(file.raw, path.isEmpty ? "/" : path, hdf5_default), "H5Oopen")
        let space = try HDF5Identifier(H5Screate(H5S_SCALAR), "H5Screate")
        for name in attributes.keys.sorted(by: utf8Order) {
            guard let value = attributes[name] else { continue }
            try checkNames([Substring(name)])
            switch value {
            case .int64(let number):
                try write(number, hdf5_int64(), name, object, space)
            case .uint64(let number):
                try write(number, hdf5_uint64(), name, object, space)
            case .float64(let number):
                try write(number, hdf5_float64(), name, object, space)
            case .string(let text):
                guard !text.utf8.contains(0) else { throw Failure(.data, "the attribute '\(name)' contains a NUL") }
                let type = try variableText()
                try text.withCString { try write($0, type.raw, name, object, space) }
            }
        }
    }

    private func write<Value>(
        _ value: Value, _ type: hid_t, _ name: String, _ object: borrowing HDF5Identifier,
        _ space: borrowing HDF5Identifier
    ) throws {
        let attribute = try HDF5Identifier(
            H5Acreate2(object.raw, name, type, space.raw, hdf5_default, hdf5_default), "H5Acreate2")
        try withUnsafePointer(to: value) { try check(H5Awrite(attribute.raw, type, $0) >= 0, "H5Awrite") }
    }

    private func checkNames(_ names: [Substring]) throws {
        for name in names where !isAllowedName(name) { throw Failure(.data, "'\(name)' cannot be a name in a file") }
    }
}

/// True where an object or an attribute may have this name: not empty, not `.`, at most 1,024 bytes, no control
/// characters.
func isAllowedName(_ name: some StringProtocol) -> Bool {
    !name.isEmpty && name != "." && name.utf8.count <= 1_024 && name.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
}

/// A dataspace of these extents; scalar where there are none.
func dataspace(_ shape: [Int]) throws -> HDF5Identifier {
    if shape.isEmpty { return try HDF5Identifier(H5Screate(H5S_SCALAR), "H5Screate") }
    let extents = shape.map { hsize_t($0) }
    return try HDF5Identifier(H5Screate_simple(Int32(extents.count), extents, nil), "H5Screate_simple")
}

/// The type of text of any length in UTF-8.
func variableText() throws -> HDF5Identifier {
    let type = try HDF5Identifier(H5Tcopy(hdf5_c_string()), "H5Tcopy")
    try check(H5Tset_size(type.raw, hdf5_variable_length()) >= 0, "H5Tset_size")
    try check(H5Tset_cset(type.raw, H5T_CSET_UTF8) >= 0, "H5Tset_cset")
    return type
}
