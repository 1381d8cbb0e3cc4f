import Datasets
import Essentials
import Foundation
import HDF5Files
import TestSupport

/// Data sets: IDX, CIFAR-10's records, gzip, tar. Each input is one file of a small data set, the others are good.
let dataTargets = [
    Target(
        name: "idx", seeds: { [images, imagesOfColor] },
        read: { input in
            imageFolder.write(input, to: "train-images-idx3-ubyte")
            _ = try Dataset.locate(imageFolder.path).read(.train)
        }),
    Target(
        name: "labels", seeds: { [labels, wideLabels] },
        read: { input in
            labelFolder.write(input, to: "train-labels-idx1-ubyte")
            _ = try Dataset.locate(labelFolder.path).read(.train)
        }),
    Target(
        name: "gzip", seeds: { [gzip(labels), compressedLabels] },
        read: { input in
            gzipFolder.write(input, to: "train-labels-idx1-ubyte.gz")
            _ = try Dataset.locate(gzipFolder.path).read(.train)
        }),
    Target(
        name: "cifar", seeds: { [record(3), record(9)] },
        read: { input in
            recordFolder.write(input, to: "test_batch.bin")
            _ = try Dataset.locate(recordFolder.path, directory: nil, cifarRecords: 1).read(.test)
        }),
    Target(
        name: "tar", seeds: { [tar] },
        words: ["../../../tmp/x", "/etc/passwd", "test_batch.bin", "ustar", "././@LongLink"],
        read: { input in
            // Under a good gzip, so that the changes come through to the tar reader.
            tarFolder.write(gzip(input), to: "cifar-10-binary.tar.gz")
            _ = try Dataset.locate(tarFolder.path, directory: nil, cifarRecords: 1).read(.test)
        }),
    Target(
        name: "npy",
        seeds: { [npy("|u1", [4, 3, 2], 24), npy("<f4", [4, 3, 2], 96), npy(">i2", [4, 2, 3, 1], 48)] },
        words: npyWords,
        read: { input in
            arrayFolder.write(input, to: "images.npy")
            // Whatever the numbers are: a range for those that need one.
            for options in ["", ":range=0..1", ":range=-300..300:layout=nchw"] {
                do { _ = try Dataset.locate(arrayFolder.path + options).read(.train) } catch {
                    if options.hasSuffix("nchw") { throw error }
                }
            }
        }),
    Target(
        name: "zip", seeds: { [zip(isDeflated: false), zip(isDeflated: true)] }, words: npyWords,
        read: { input in
            archiveFolder.write(input, to: "set.npz")
            _ = try Dataset.locate(archiveFolder.path + "/set.npz").read(.train)
        }),
    Target(
        name: "mat", seeds: { [mat] },
        read: { input in
            matFolder.write(input, to: "set.mat")
            _ = try Dataset.locate(matFolder.path + "/set.mat").read(.train)
        }),
    Target(
        // Headers are our own reader's; libpng and libjpeg-turbo decode, in a child process where there is one.
        name: "picture", seeds: { [palettePNG, colourPNG, greyJPEG] }, words: ["IHDR", "PLTE", "tRNS", "IDAT"],
        mayCrashInLibrary: true,
        read: { input in
            pictureFolder.write(input, to: "0.png")
            for options in ["", ":size=2x3"] {
                do { _ = try Dataset.locate(Workplace.folder + "/pictures" + options).read(.train) } catch {
                    if !options.isEmpty { throw error }
                }
            }
        }),
    Target(
        // A file of nobody's making: libhdf5 reads its metadata, our own reader its chunks.
        name: "foreign", seeds: { try [foreignSet.encoded(compression: 1), foreignSet.encoded(compression: 9)] },
        mayCrashInLibrary: true,
        read: { input in
            foreignFolder.write(input, to: "set.h5")
            _ = try Dataset.locate(foreignFolder.path + "/set.h5").read(.train)
        }),
    Target(
        // The index of a converted set, under a good seal.
        name: "converted", seeds: { [try convertedIndex()] },
        words: [
            "formatVersion", "labels", "digests", "places", "sums", "rows", "count", "classes", "isDeflated", "-1",
        ],
        read: { input in
            convertedFolder.write(HDF5DataFile.sealed(index: input, chunks: 1 << 10), to: "set.h5")
            _ = try Dataset.locate(convertedFolder.path + "/set.h5").read(.train)
        }),
]

private let npyWords = [
    "'descr': ", "'fortran_order': True", "'shape': (", "4, 3, 2", "(),", "|O", ">f8", "<u8", "|b1", "<c8",
    "9223372036854775807", "PK\u{5}\u{6}", "PK\u{1}\u{2}", "images.npy", "labels.npy", "../x.npy",
]
private let arrayFolder = Workplace("arrays", ["labels.npy": npy("|u1", [4], 4)])
private let archiveFolder = Workplace("archive")
private let matFolder = Workplace("mat")
private let convertedFolder = Workplace("converted")
private let pictureFolder = Workplace("pictures/train/a")
private let foreignFolder = Workplace("foreign")

private let foreignSet = HDF5Tree(tensors: [
    "images": Tensor(shape: [4, 3, 2], elements: .uint8((0..<24).map { UInt8($0) })),
    "labels": Tensor(shape: [4], elements: .int64([0, 1, 2, 1])),
])

/// 3 x 2 pixels.
private let palettePNG: [UInt8] = [
    137, 80, 78, 71, 13, 10, 26, 10, 0, 0, 0, 13, 73, 72, 68, 82, 0, 0, 0, 3, 0, 0, 0, 2, 2, 3, 0, 0, 0, 224, 26, 142,
    137, 0, 0, 0, 12, 80, 76, 84, 69, 5, 5, 5, 3, 3, 3, 2, 2, 2, 1, 1, 1, 78, 1, 87, 59, 0, 0, 0, 12, 73, 68, 65, 84,
    120, 156, 99, 248, 193, 224, 0, 0, 3, 44, 1, 57, 124, 89, 228, 250, 0, 0, 0, 0, 73, 69, 78, 68, 174, 66, 96, 130,
]
private let colourPNG: [UInt8] = [
    137, 80, 78, 71, 13, 10, 26, 10, 0, 0, 0, 13, 73, 72, 68, 82, 0, 0, 0, 3, 0, 0, 0, 2, 8, 2, 0, 0, 0, 18, 22, 241,
    77, 0, 0, 0, 23, 73, 68, 65, 84, 120, 156, 99, 100, 96, 100, 98, 102, 102, 102, 102, 102, 102, 225, 228, 228, 132,
    176, 0, 2, 142, 0, 72, 192, 63, 94, 40, 0, 0, 0, 0, 73, 69, 78, 68, 174, 66, 96, 130,
]
/// 8 x 8 pixels of one value: a quantisation table of ones, Huffman tables of one code.
private let greyJPEG: [UInt8] = {
    var file: [UInt8] = [0xFF, 0xD8, 0xFF, 0xDB, 0, 67, 0] + [UInt8](repeating: 1, count: 64)
    file += [0xFF, 0xC0, 0, 11, 8, 0, 8, 0, 8, 1, 1, 0x11, 0]
    for table: UInt8 in [0x00, 0x10] { file += [0xFF, 0xC4, 0, 20, table, 1] + [UInt8](repeating: 0, count: 16) }
    return file + [0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 63, 0, 0x3F, 0xFF, 0xD9]
}()

/// A file of NumPy of so many bytes of numbers.
private func npy(_ type: String, _ shape: [Int], _ bytes: Int) -> [UInt8] {
    NumPy.npy(type, shape, (0..<bytes).map { UInt8($0 % 4) })
}

/// An archive of two arrays, stored or in stored blocks of deflate.
private func zip(isDeflated: Bool) -> [UInt8] {
    NumPy.zip(
        [("images.npy", npy("|u1", [4, 3, 2], 24)), ("labels.npy", npy("|u1", [4], 4))], isDeflated: isDeflated)
}

/// A MATLAB file with SVHN's arrays.
private let mat = MATLAB.file([("X", [2, 3, 1, 4], (0..<24).map { UInt8($0) }), ("y", [4, 1], [1, 2, 10, 3])])

/// The index of a good converted set.
private func convertedIndex() throws -> [UInt8] {
    imageFolder.write(images, to: "train-images-idx3-ubyte")
    let path = convertedFolder.path + "/good.h5"
    unlink(path)
    _ = try Conversion(try Dataset.locate(imageFolder.path), to: path).run { _, _ in }
    return try HDF5DataFile.readIndex(path)
}

private let imageFolder = Workplace("images", goodFiles)
private let labelFolder = Workplace("labels", goodFiles)
private let gzipFolder = Workplace("gzip", goodFiles.filter { $0.key != "train-labels-idx1-ubyte" })
private let recordFolder = Workplace(
    "records", Dictionary(uniqueKeysWithValues: (1...5).map { ("data_batch_\($0).bin", record(1)) }))
private let tarFolder = Workplace("tar")

private let goodFiles = [
    "train-images-idx3-ubyte": images, "train-labels-idx1-ubyte": labels, "t10k-images-idx3-ubyte": images,
    "t10k-labels-idx1-ubyte": labels,
]
private func header(_ dimensions: [UInt8]) -> [UInt8] {
    [0, 0, 8, UInt8(dimensions.count)] + dimensions.flatMap { [0, 0, 0, $0] }
}
private let images = header([4, 3, 2]) + (0..<24).map { UInt8($0) }
private let imagesOfColor = header([4, 3, 2, 1]) + (0..<24).map { UInt8($0) }
private let labels = header([4]) + [0, 1, 2, 1]
/// Labels of 32 bits, as QMNIST's.
private let wideLabels: [UInt8] = [0, 0, 12, 1, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1]
private func record(_ label: UInt8) -> [UInt8] { [label] + (0..<3072).map { UInt8(truncatingIfNeeded: $0) } }

/// A gzip file (RFC 1952) of blocks that are not compressed.
private func gzip(_ content: [UInt8]) -> [UInt8] {
    var file: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3]
    var rest = content[...]
    repeat {
        let block = rest.prefix(0xFFFF)
        rest = rest.dropFirst(0xFFFF)
        let (low, high) = (UInt8(block.count & 255), UInt8(block.count >> 8))
        file += [rest.isEmpty ? 1 : 0, low, high, ~low, ~high] + block
    } while !rest.isEmpty
    func add(_ word: UInt32) { withUnsafeBytes(of: word.littleEndian) { file += $0 } }
    add(checksum(content))
    add(UInt32(truncatingIfNeeded: content.count))
    return file
}

/// The labels by `gzip -9 -n`: a block of fixed Huffman codes.
private let compressedLabels: [UInt8] = [
    0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 2, 3, 0x63, 0x60, 0xE0, 0x60, 0x64, 0x60, 0x60, 0x60, 0x61, 0x60, 0x62, 0x04, 0x00,
    0x3B, 0x0C, 0x0A, 0xCE, 0x0C, 0, 0, 0,
]

/// The six members as ustar (POSIX.1-1988).
private let tar: [UInt8] = {
    let names = (1...5).map { "cifar-10-batches-bin/data_batch_\($0).bin" } + ["cifar-10-batches-bin/test_batch.bin"]
    return names.flatMap { name -> [UInt8] in
        var head = [UInt8](repeating: 0, count: 512)
        func put(_ text: String, at: Int) { for (i, byte) in text.utf8.enumerated() { head[at + i] = byte } }
        put(name, at: 0)
        put("0000644\0" + "0000000\0" + "0000000\0" + "00000006001\0" + "00000000000\0", at: 100)
        put("        0", at: 148)
        put("ustar\u{0}00", at: 257)
        let sum = head.reduce(0) { $0 + Int($1) }
        let digits = String(sum, radix: 8)
        put(String(repeating: "0", count: 6 - digits.count) + digits + "\0 ", at: 148)
        return head + record(2) + [UInt8](repeating: 0, count: 3584 - 3073)
    } + [UInt8](repeating: 0, count: 1024)
}()
