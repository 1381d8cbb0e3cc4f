import CHDF5
import Essentials
import HDF5Files
import TestSupport
import Testing

/// A kind of file that may not be read, made with the C library, and what the refusal says.
struct Hostile: Sendable, CustomStringConvertible {
    let description: String
    let reason: String
    let make: @Sendable (_ file: hid_t) -> Void

    static let all = [
        Hostile(description: "a soft link", reason: "/evil: a soft link") {
            H5Lcreate_soft("/elsewhere", $0, "evil", hdf5_default, hdf5_default)
        },
        Hostile(description: "an external link", reason: "/evil: a link to another file") {
            H5Lcreate_external("/etc/passwd", "/x", $0, "evil", hdf5_default, hdf5_default)
        },
        Hostile(description: "a group that contains the root", reason: "several names") {
            H5Lcreate_hard($0, "/", $0, "evil", hdf5_default, hdf5_default)
        },
        Hostile(description: "a dataset of two names", reason: "several names") {
            dataset($0, "evil", hdf5_float32(), [4], stored: true)
            H5Lcreate_hard($0, "evil", $0, "good", hdf5_default, hdf5_default)
        },
        Hostile(description: "groups in groups without end", reason: "more than 16 groups in groups") { file in
            var path = ""
            for _ in 0..<40 {
                path += "/g"
                H5Gclose(H5Gcreate2(file, path, hdf5_default, hdf5_default, hdf5_default))
            }
        },
        Hostile(description: "a claim of 2^60 numbers", reason: "/evil: its claimed shape") {
            dataset($0, "evil", hdf5_float32(), [1 << 40, 1 << 20], chunk: [64, 64])
        },
        Hostile(description: "a claim of 2^80 numbers", reason: "/evil: its claimed shape") {
            dataset($0, "evil", hdf5_uint8(), [1 << 40, 1 << 40], chunk: [64, 64])
        },
        Hostile(description: "an empty shape with absurd extents", reason: "/evil: its claimed shape") {
            dataset($0, "evil", hdf5_uint8(), [0, 1 << 62, 1 << 62])
        },
        Hostile(description: "a gigabyte that is not stored", reason: "stored bytes cannot hold them") {
            dataset($0, "evil", hdf5_float32(), [1 << 28], chunk: [1 << 16])
        },
        Hostile(description: "numbers that were never stored", reason: "asks for 256 bytes, and 0 are stored") {
            dataset($0, "evil", hdf5_float32(), [64])
        },
        Hostile(description: "a huge chunk", reason: "its chunks are too large") {
            dataset($0, "evil", hdf5_uint8(), [1 << 30], chunk: [1 << 30])
        },
        Hostile(description: "another filter", reason: "the filter 5 is not allowed") {
            dataset($0, "evil", hdf5_int32(), [64], chunk: [64], stored: true) { H5Pset_nbit($0) }
        },
        Hostile(description: "numbers in another file", reason: "in another file") {
            dataset($0, "evil", hdf5_uint8(), [64]) { H5Pset_external($0, "/etc/passwd", 0, 64) }
        },
        Hostile(description: "a virtual dataset", reason: "/evil: a layout that is not allowed") {
            dataset($0, "evil", hdf5_uint8(), [64]) { list in
                let space = H5Screate_simple(1, [64], nil)
                H5Pset_virtual(list, space, "/etc/passwd", "x", space)
                H5Sclose(space)
            }
        },
        Hostile(description: "big-endian numbers", reason: "/evil: a type that is not read here") {
            let type = H5Tcopy(hdf5_float32())
            H5Tset_order(type, H5T_ORDER_BE)
            dataset($0, "evil", type, [4], stored: true)
            H5Tclose(type)
        },
        Hostile(description: "a structure", reason: "/evil: a type that is not read here") {
            let type = H5Tcreate(H5T_COMPOUND, 8)
            H5Tinsert(type, "x", 0, hdf5_float32())
            dataset($0, "evil", type, [4], stored: true)
            H5Tclose(type)
        },
        Hostile(description: "texts in a dataset", reason: "/evil: a type that is not read here") {
            let type = H5Tcopy(hdf5_c_string())
            H5Tset_size(type, hdf5_variable_length())
            dataset($0, "evil", type, [4])
            H5Tclose(type)
        },
        Hostile(description: "a named type", reason: "/evil: neither a group nor a dataset") {
            let type = H5Tcopy(hdf5_float32())
            H5Tcommit2($0, "evil", type, hdf5_default, hdf5_default, hdf5_default)
            H5Tclose(type)
        },
        Hostile(description: "an attribute of many values", reason: "'evil': not a single value") {
            let space = H5Screate_simple(1, [3], nil)
            H5Aclose(H5Acreate2($0, "evil", hdf5_int32(), space, hdf5_default, hdf5_default))
            H5Sclose(space)
        },
        Hostile(description: "a text that is not UTF-8", reason: "'evil': the text is not UTF-8") {
            let space = H5Screate(H5S_SCALAR)
            let type = H5Tcopy(hdf5_c_string())
            H5Tset_size(type, 2)
            let attribute = H5Acreate2($0, "evil", type, space, hdf5_default, hdf5_default)
            H5Awrite(attribute, type, [UInt8(0xFF), 0xFE])
            H5Aclose(attribute)
            H5Sclose(space)
        },
        Hostile(description: "a name that moves the cursor", reason: "not a name that is allowed") {
            H5Gclose(H5Gcreate2($0, "\u{1B}[2Jevil", hdf5_default, hdf5_default, hdf5_default))
        },
    ]

    private static func dataset(
        _ file: hid_t, _ name: String, _ type: hid_t, _ shape: [hsize_t], chunk: [hsize_t]? = nil, stored: Bool = false,
        _ change: (hid_t) -> Void = { _ in }
    ) {
        let space = H5Screate_simple(Int32(shape.count), shape, nil)
        let list = H5Pcreate(hdf5_dataset_create())
        if let chunk { H5Pset_chunk(list, Int32(chunk.count), chunk) }
        change(list)
        let dataset = H5Dcreate2(file, name, type, space, hdf5_default, list, hdf5_default)
        if stored {
            let zeros = [UInt8](repeating: 0, count: Int(shape.reduce(1, *)) * 8)
            H5Dwrite(dataset, type, hdf5_all, hdf5_all, hdf5_default, zeros)
        }
        H5Dclose(dataset)
        H5Pclose(list)
        H5Sclose(space)
    }
}

@Suite("Files that are not what they should be")
struct HostileTests {
    @Test("are refused with the object's name and a reason", arguments: Hostile.all)
    func refused(hostile: Hostile) throws {
        try withTemporaryDirectory { folder in
            let path = folder + "/hostile.h5"
            let file = H5Fcreate(path, hdf5_truncate(), hdf5_default, hdf5_default)
            hostile.make(file)
            H5Fclose(file)
            let image = try bytes(of: path)
            let failure = try failure { _ = try HDF5Tree.decode(image) }
            #expect(failure.code == .data)
            #expect(failure.message.contains(hostile.reason), "\(failure.message)")
        }
    }

    @Test("of numbers of any integer width are read as attributes")
    func widths() throws {
        try withTemporaryDirectory { folder in
            let path = folder + "/widths.h5"
            let file = H5Fcreate(path, hdf5_truncate(), hdf5_default, hdf5_default)
            let space = H5Screate(H5S_SCALAR)
            for (name, type) in [("i8", hdf5_int8()), ("u16", hdf5_uint16()), ("u32", hdf5_uint32())] {
                let attribute = H5Acreate2(file, name, type, space, hdf5_default, hdf5_default)
                H5Awrite(attribute, type, [UInt8](repeating: 0xFF, count: 8))
                H5Aclose(attribute)
            }
            H5Sclose(space)
            H5Fclose(file)
            let tree = try HDF5Tree.decode(try bytes(of: path))
            #expect(tree.rootAttributes == ["i8": .int64(-1), "u16": .int64(65_535), "u32": .int64(4_294_967_295)])
        }
    }

    @Test("such as noise and nothing are refused")
    func noise() throws {
        #expect(try failure { _ = try HDF5Tree.decode([]) }.code == .data)
        let noise = (0..<5_000).map { UInt8(truncatingIfNeeded: $0 &* 167) }
        #expect(try failure { _ = try HDF5Tree.decode(noise) }.message.contains("not a readable HDF5 file"))
    }
}
