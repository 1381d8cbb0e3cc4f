import Essentials

/// The metadata of an HDF5 file whose numbers are written first, at places of the writer's choice: one block behind
/// them, and the superblock before them. So a large file is written in one direction, and what a reader has to parse
/// lies in two places that a seal can cover.
///
/// Layout after the HDF5 File Format Specification, version 3.0: superblock of version 0, groups with links in their
/// object headers, chunks in B-trees of version 1, texts in a global heap. Every libhdf5 since 1.8 reads it.
struct HDF5Metadata {
    /// The bytes of the superblock, which stands behind the user block.
    static let superblockSize = 96
    /// Children of a node of a chunks' B-tree: twice K, which is 32 in every file with a superblock of version 0.
    private static let nodeChildren = 64

    /// Objects that are written so far, at ascending addresses of the file.
    private(set) var block: [UInt8] = []
    /// Where the block begins in the file.
    private let start: Int
    private var members: [String: [(name: String, address: Int)]] = [:]
    private var texts: [[UInt8]] = []
    private var textPlaces: [(at: Int, text: Int)] = []

    /// - Parameter start: where the block will begin in the file, a multiple of 8 behind the user block.
    init(start: Int) { self.start = start }

    // MARK: Objects

    /// Adds a dataset of numbers that lie in one run; `offset` counts from the file's beginning.
    mutating func addRun(_ path: String, _ type: HDF5DataFile.Number, shape: [Int], offset: Int) {
        let bytes = shape.reduce(type.width, *)
        addDataset(path, type, shape, layout: [3, 1] + little(relative(offset), 8) + little(bytes, 8), filters: [])
    }

    /// Adds a dataset of numbers in chunks of `rows` rows each, in order; the last one is as large as the others.
    mutating func addChunks(
        _ path: String, _ type: HDF5DataFile.Number, shape: [Int], rows: Int, chunks: [HDF5DataFile.Place],
        isDeflated: Bool
    ) {
        let chunk = [rows] + shape.dropFirst()
        let tree = addTree(chunks, rows: rows, rank: shape.count)
        var layout: [UInt8] = [3, 2, UInt8(shape.count + 1)] + little(tree, 8)
        for extent in chunk { layout += little(extent, 4) }
        layout += little(type.width, 4)
        // Deflate, level 6 for who writes on; a chunk that it does not make smaller is stored, and says so by its mask.
        let filters: [UInt8] =
            isDeflated
            ? [1, 1, 0, 0, 0, 0, 0, 0] + little(1, 2) + little(0, 2) + little(0, 2) + little(1, 2)
                + little(6, 4) + little(0, 4) : []
        addDataset(path, type, shape, layout: layout, filters: filters)
    }

    /// Adds a dataset of texts.
    mutating func addTexts(_ path: String, _ texts: [String]) {
        align()
        let at = block.count
        for text in texts { addReference(to: text) }
        addDataset(
            path, messageOfType: Self.textType, [texts.count],
            layout: [3, 1] + little(relative(start + at), 8) + little(16 * texts.count, 8), filters: [])
    }

    private mutating func addReference(to text: String) {
        let bytes = Array(text.utf8)
        textPlaces.append((block.count, texts.count))
        texts.append(bytes)
        block += little(bytes.count, 4) + [UInt8](repeating: 0, count: 12)
    }

    private mutating func addDataset(
        _ path: String, _ type: HDF5DataFile.Number, _ shape: [Int], layout: [UInt8], filters: [UInt8]
    ) {
        addDataset(path, messageOfType: Self.message(of: type), shape, layout: layout, filters: filters)
    }

    private mutating func addDataset(
        _ path: String, messageOfType type: [UInt8], _ shape: [Int], layout: [UInt8], filters: [UInt8]
    ) {
        var space: [UInt8] = [1, UInt8(shape.count), 0, 0, 0, 0, 0, 0]
        for extent in shape { space += little(extent, 8) }
        // Fill value, version 2: none defined; space is allocated when it is written.
        let fill: [UInt8] = [2, 2, 2, 0]
        var messages: [(type: Int, bytes: [UInt8])] = [(0x1, space), (0x3, type), (0x5, fill), (0x8, layout)]
        if !filters.isEmpty { messages.append((0xB, filters)) }
        addMember(path, at: addHeader(messages))
    }

    private mutating func addMember(_ path: String, at address: Int) {
        let names = path.split(separator: "/")
        let parent = names.dropLast().joined(separator: "/")
        members[parent, default: []].append((String(names.last ?? ""), address))
    }

    /// Ends the file: groups, the root's attributes, texts.
    ///
    /// - Returns: the superblock and the block; the file ends with it.
    consuming func finish(attributes: [(name: String, value: HDF5Attribute)]) -> (
        superblock: [UInt8], block: [UInt8]
    ) {
        for group in members.keys.sorted(by: utf8Order) where !group.isEmpty {
            addMember(group, at: addHeader(groupMessages(group)))
        }
        var messages = groupMessages("")
        var references: [(message: Int, at: Int, text: String)] = []
        for (name, value) in attributes {
            var type: [UInt8]
            var data: [UInt8]
            switch value {
            case .string(let text):
                type = Self.textType
                data = little(text.utf8.count, 4) + [UInt8](repeating: 0, count: 12)
            case .int64(let number): (type, data) = (Self.message(of: .int64), little(Int(number), 8))
            case .uint64(let number):
                (type, data) = (Self.message(of: .uint64), little(Int(bitPattern: UInt(number)), 8))
            case .float64: preconditionFailure("no real numbers among the attributes of a data file")
            }
            type = padded(type)
            let text = padded(Array(name.utf8) + [0])
            let head =
                [1, 0] + little(name.utf8.count + 1, 2) + little(type.count, 2) + little(8, 2) + text + type
                + [1, 0, 0, 0, 0, 0, 0, 0]
            if case .string(let value) = value { references.append((messages.count, head.count, value)) }
            messages.append((0xC, head + data))
        }
        let root = addHeader(messages)
        // The place of each text's reference in the block: behind the header's 16 bytes and the messages before.
        var at = root - relative(start) + 16
        for (index, message) in messages.enumerated() {
            if let reference = references.first(where: { $0.message == index }) {
                textPlaces.append((at + 8 + reference.at, texts.count))
                texts.append(Array(reference.text.utf8))
            }
            at += 8 + padded(message.bytes).count
        }
        addHeap()
        let base = HDF5Tree.userBlockSize
        var head: [UInt8] = [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 0, 0, 8, 8, 0]
        head += little(4, 2) + little(16, 2) + little(0, 4) + little(base, 8) + Self.undefined
        head += little(start + block.count, 8) + Self.undefined
        head += little(0, 8) + little(root, 8) + [UInt8](repeating: 0, count: 24)
        return (head, block)
    }

    // MARK: Headers

    private func groupMessages(_ group: String) -> [(type: Int, bytes: [UInt8])] {
        var messages: [(type: Int, bytes: [UInt8])] = [
            (0x2, [0, 0] + Self.undefined + Self.undefined), (0xA, [0, 0]),
        ]
        for (name, address) in (members[group] ?? []).sorted(by: { utf8Order($0.name, $1.name) }) {
            messages.append((0x6, [1, 0x10, 1, UInt8(name.utf8.count)] + Array(name.utf8) + little(address, 8)))
        }
        return messages
    }

    /// Adds an object header of version 1 and returns its address.
    private mutating func addHeader(_ messages: [(type: Int, bytes: [UInt8])]) -> Int {
        align()
        let address = relative(start + block.count)
        let size = messages.reduce(0) { $0 + 8 + padded($1.bytes).count }
        block += [1, 0] + little(messages.count, 2) + little(1, 4) + little(size, 4) + little(0, 4)
        for (type, bytes) in messages {
            let bytes = padded(bytes)
            // A type is never changed: flag 1.
            block += little(type, 2) + little(bytes.count, 2) + [type == 0x3 ? 1 : 0, 0, 0, 0] + bytes
        }
        return address
    }

    private static func message(of type: HDF5DataFile.Number) -> [UInt8] {
        let bits = 8 * type.width
        return [0x10, type.isSigned ? 8 : 0, 0, 0, UInt8(type.width), 0, 0, 0, 0, 0, UInt8(bits), 0]
    }

    /// Text of any length in UTF-8: a sequence of bytes in the global heap.
    private static var textType: [UInt8] { [0x19, 1, 1, 0, 16, 0, 0, 0] + message(of: .uint8) }

    // MARK: Chunks

    /// Adds the B-tree of chunks and returns its address.
    private mutating func addTree(_ chunks: [HDF5DataFile.Place], rows: Int, rank: Int) -> Int {
        // A node's children: its first key's row and size, and the child's address.
        var level: [(row: Int, size: Int, mask: Int, address: Int)] = chunks.enumerated().map {
            ($0 * rows, $1.size, $1.isStored ? 1 : 0, relative($1.offset))
        }
        let end = chunks.count * rows
        var depth = 0
        repeat {
            let groups = stride(from: 0, to: level.count, by: Self.nodeChildren).map {
                Array(level[$0..<min($0 + Self.nodeChildren, level.count)])
            }
            let keySize = 8 + 8 * (rank + 1)
            let nodeSize = 24 + Self.nodeChildren * (8 + keySize) + keySize
            align()
            let first = relative(start + block.count)
            for (index, group) in groups.enumerated() {
                let next = index + 1 < groups.count ? groups[index + 1][0].row : end
                var node: [UInt8] = Array("TREE".utf8) + [1, UInt8(depth)] + little(group.count, 2)
                node += index > 0 ? little(first + (index - 1) * nodeSize, 8) : Self.undefined
                node += index + 1 < groups.count ? little(first + (index + 1) * nodeSize, 8) : Self.undefined
                for child in group {
                    node += key(row: child.row, size: child.size, mask: child.mask, rank: rank)
                    node += little(child.address, 8)
                }
                node += key(row: next, size: 0, mask: 0, rank: rank)
                block += node + [UInt8](repeating: 0, count: nodeSize - node.count)
            }
            level = groups.enumerated().map { ($1[0].row, $1[0].size, $1[0].mask, first + $0 * nodeSize) }
            depth += 1
        } while level.count > 1
        return level[0].address
    }

    private func key(row: Int, size: Int, mask: Int, rank: Int) -> [UInt8] {
        little(size, 4) + little(mask, 4) + little(row, 8) + [UInt8](repeating: 0, count: 8 * rank)
    }

    // MARK: Texts

    /// Adds the global heap, and the references to what it holds: at most 65,534 texts.
    private mutating func addHeap() {
        guard !texts.isEmpty else { return }
        align()
        let at = block.count
        var objects: [UInt8] = []
        for (index, text) in texts.enumerated() {
            objects += little(index + 1, 2) + little(1, 2) + little(0, 4) + little(text.count, 8) + padded(text)
        }
        let size = max(4_096, 16 + objects.count + 16)
        let free = size - 16 - objects.count
        block += Array("GCOL".utf8) + [1, 0, 0, 0] + little(size, 8) + objects
        block += little(0, 8) + little(free, 8) + [UInt8](repeating: 0, count: free - 16)
        for (place, text) in textPlaces {
            block.replaceSubrange(place + 4..<place + 16, with: little(relative(start + at), 8) + little(text + 1, 4))
        }
    }

    // MARK: Bytes

    private static let undefined = [UInt8](repeating: 0xFF, count: 8)

    /// An address as HDF5 counts it: from the end of the user block.
    private func relative(_ offset: Int) -> Int { offset - HDF5Tree.userBlockSize }

    private mutating func align() { block += [UInt8](repeating: 0, count: (8 - block.count % 8) % 8) }

    private func padded(_ bytes: [UInt8]) -> [UInt8] { bytes + [UInt8](repeating: 0, count: (8 - bytes.count % 8) % 8) }

    private func little(_ number: Int, _ width: Int) -> [UInt8] {
        (0..<width).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
    }
}
