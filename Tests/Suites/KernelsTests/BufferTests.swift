import Foundation
import Kernels
import Testing

@Suite("Buffer") struct BufferTests {
    @Test("large memory is asked for in huge pages, and is zero", .enabled(if: hasHugePages, "this system has none"))
    func hugePages() throws {
        let buffer = Buffer<Float>(5_000_000)
        #expect(buffer.elements.allSatisfy { $0 == 0 })
        let flags = try #require(try flags(ofMappingAt: UInt(bitPattern: buffer.pointer)))
        #expect(flags.contains("hg"))
    }

    static var hasHugePages: Bool {
        let setting = try? String(contentsOfFile: "/sys/kernel/mm/transparent_hugepage/enabled", encoding: .utf8)
        return setting.map { !$0.contains("[never]") } ?? false
    }

    /// The mapping that holds an address, as /proc/self/smaps describes it.
    private func flags(ofMappingAt address: UInt) throws -> [Substring]? {
        // Foundation takes the file for empty: it has no size.
        let file = try #require(fopen("/proc/self/smaps", "r"))
        defer { fclose(file) }
        var isInside = false
        var line = [CChar](repeating: 0, count: 4096)
        while fgets(&line, Int32(line.count), file) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            let words = text.split(whereSeparator: \.isWhitespace)
            guard let first = words.first else { continue }
            let bounds = first.split(separator: "-").compactMap { UInt($0, radix: 16) }
            if bounds.count == 2 { isInside = (bounds[0]..<bounds[1]).contains(address) }
            if isInside && first == "VmFlags:" { return Array(words.dropFirst()) }
        }
        return nil
    }
}
