import Datasets
import Essentials
import Testing

@Suite("Glyphs") struct GlyphTests {
    @Test("image i is always the same, whichever images are drawn")
    func same() throws {
        let glyphs = try Dataset.locate("glyphs")
        let some = try glyphs.read(.train) { $0 == 7 || $0 == 11_999 }
        let more = try glyphs.read(.train) { $0 < 10 }
        #expect(some.indices == [7, 11_999])
        #expect(Array(some.pixels.prefix(784)) == Array(more.pixels[7 * 784..<8 * 784]))
        #expect(some.labels[0] == more.labels[7])
        #expect(try glyphs.read(.test) { $0 < 10 }.pixels != more.pixels)
        #expect(some.contentDigest == more.contentDigest)
    }

    @Test("the recorded digests are those of the images drawn, and of the files that are written", arguments: [0, 1])
    func digests(part: Int) throws {
        let split: Split = part == 0 ? .train : .test
        let glyphs = try Dataset.locate("glyphs")
        let images = try glyphs.read(split)
        #expect(images.count == [12_000, 2_000][part])
        let digest = Digest()
        digest.update(MadeUpIDX.header([images.count, 28, 28]))
        digest.update(images.pixels)
        digest.update(MadeUpIDX.header([images.count]))
        digest.update(images.labels)
        #expect(digest.finish().hexadecimal == images.contentDigest)
        // Every digit is there, in fair shares, and no two images are equal.
        for digit in UInt8(0)..<10 {
            let share = Double(images.labels.filter { $0 == digit }.count) / Double(images.count)
            #expect(share > 0.08 && share < 0.12)
        }
        let distinct = Set((0..<images.count).map { Array(images.pixels[$0 * 784..<($0 + 1) * 784]) })
        #expect(distinct.count == images.count)
    }
}
