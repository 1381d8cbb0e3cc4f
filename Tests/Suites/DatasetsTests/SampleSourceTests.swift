import Kernels
import Datasets
import Testing

@Suite("Samples drawn on the fly") struct SampleSourceTests {
    static let shape = ImageShape(height: 6, width: 7, channels: 3)
    static let count = shape.count
    static let indices = (0..<Int32(400)).map { 2 * $0 }
    static let mean = (0..<count).map { Float(100 + $0 % 50) }
    static let meanTraining = MeanTraining(samples: 300, scale: 64, noiseSamples: 300, noiseDeviation: 96)

    func source(
        keeping kept: [Int32] = indices, mean: MeanTraining? = nil, random: RandomTraining? = nil,
        mirroring: Mirroring = .off, shift: Int = 0, shiftFill: ShiftFill = .mean, cutout: Int = 0,
        cutMix: Double = 0
    ) -> SampleSource {
        SampleSource(
            images: madeUpImages(kept, shape: SampleSourceTests.shape), trainIndices: SampleSourceTests.indices,
            classes: 10, meanImage: SampleSourceTests.mean, seed: 9, meanTraining: mean, randomTraining: random,
            mirroring: mirroring, shift: shift, shiftFill: shiftFill, cutout: cutout, cutMix: cutMix)
    }

    func fill(_ source: SampleSource, _ ids: [Int32], epoch: Int = 0, step: Int = 0) -> (
        pixels: [[Float]], labels: [Int32]
    ) {
        let n = SampleSourceTests.count
        var pixels = [Float](repeating: .nan, count: ids.count * n + 1)
        var labels = [Int32](repeating: -1, count: ids.count)
        pixels.withUnsafeMutableBufferPointer { pixels in
            labels.withUnsafeMutableBufferPointer { labels in
                guard let pixels = pixels.baseAddress, let labels = labels.baseAddress else { return }
                var scratch = [Float](repeating: .nan, count: n)
                scratch.withUnsafeMutableBufferPointer {
                    source.fill(
                        ids[...], epoch: epoch, step: step, into: pixels, labels: labels, scratch: $0.baseAddress)
                }
            }
        }
        #expect(pixels[ids.count * n].isNaN, "written beyond the samples")
        return (ids.indices.map { Array(pixels[$0 * n..<($0 + 1) * n]) }, labels)
    }

    @Test("a border that a shift leaves is the mean image or black")
    func shiftFill() {
        let ids: [Int32] = Array(0..<100)
        for shift in [1, 3, 200] {
            let mean = fill(source(mirroring: .image, shift: shift), ids, epoch: 2).pixels
            let black = fill(source(mirroring: .image, shift: shift, shiftFill: .zero), ids, epoch: 2).pixels
            for (mean, black) in zip(mean, black) {
                for i in mean.indices where mean[i] != black[i] {
                    #expect(mean[i] == 0 && black[i] == -SampleSourceTests.mean[i])
                }
            }
            #expect(mean != black)
        }
    }

    @Test("cutout leaves the mean image in a square, anew each epoch, of images alone", arguments: [1, 2, 3, 50])
    func cutout(side: Int) {
        let shape = SampleSourceTests.shape
        let ids: [Int32] = Array(0..<399)
        var places: Set<[Int]> = []
        for epoch in 0..<2 {
            let cut = fill(source(mean: SampleSourceTests.meanTraining, cutout: side), ids, epoch: epoch).pixels
            for (id, pixels) in zip(ids, cut) {
                let whole = image(id)
                // A mean image's own pixel may have been there before.
                let zero = (0..<shape.area).filter { place in
                    (0..<shape.channels).allSatisfy { pixels[place * shape.channels + $0] == 0 }
                }
                let rows = Set(zero.map { $0 / shape.width }).sorted()
                let columns = Set(zero.map { $0 % shape.width }).sorted()
                #expect(zero.count >= 1 && zero.count <= side * side && zero.count == rows.count * columns.count)
                #expect((rows.last ?? 0) - (rows.first ?? 0) == rows.count - 1)
                for i in whole.indices where !zero.contains(i / shape.channels) { #expect(pixels[i] == whole[i]) }
                places.insert([epoch, rows.first ?? 0, columns.first ?? 0])
            }
        }
        #expect(side == 50 || places.count > 40)
        let nonsense: [Int32] = [400, 699, 999]
        let plain = fill(source(mean: SampleSourceTests.meanTraining), nonsense)
        #expect(fill(source(mean: SampleSourceTests.meanTraining, cutout: side), nonsense).pixels == plain.pixels)
    }

    @Test("a box of an image is another image's of the slice, and as much of the label, by the sample's own numbers")
    func cutMix() {
        let shape = SampleSourceTests.shape
        let ids: [Int32] = Array(0..<60) + [400, 700]
        let got = fill(source(mean: SampleSourceTests.meanTraining, cutMix: 0.5), ids)
        let plain = fill(source(mean: SampleSourceTests.meanTraining), ids)
        var mixed = 0
        for (place, id) in ids.enumerated() {
            guard got.labels[place] != plain.labels[place] || got.pixels[place] != plain.pixels[place] else { continue }
            #expect(id < 400)
            mixed += 1
            let pasted = (0..<shape.area).filter { at in
                (0..<3).contains { got.pixels[place][at * 3 + $0] != plain.pixels[place][at * 3 + $0] }
            }
            let partner = ids.indices.first { other in
                other != place
                    && pasted.allSatisfy { at in
                        (0..<3).allSatisfy { got.pixels[place][at * 3 + $0] == plain.pixels[other][at * 3 + $0] }
                    }
            }
            #expect(partner != nil)
            let target = MixedLabel(packed: got.labels[place])
            let (own, share) = (Int(plain.labels[place]), Double(pasted.count) / Double(shape.area))
            // Images of one label stay of one label.
            guard target.share > 0 else { continue }
            #expect(own == (share > 0.5 ? target.other : target.label))
            #expect(abs(Double(target.share) - min(share, 1 - share)) < 1e-4)
        }
        #expect((15...45).contains(mixed))
        #expect(fill(source(cutMix: 1), [7]).pixels == [image(7)])
    }

    func image(_ id: Int32) -> [Float] {
        (0..<SampleSourceTests.count).map {
            Float(UInt8(truncatingIfNeeded: 2 * Int(id) + 7 * $0)) - SampleSourceTests.mean[$0]
        }
    }

    /// Left and right exchanged in the values of an image that are not less the mean.
    func mirrored(_ values: [Float]) -> [Float] {
        let s = SampleSourceTests.shape
        return (0..<s.count).map { i in
            let (y, x, c) = (i / s.channels / s.width, i / s.channels % s.width, i % s.channels)
            return values[(y * s.width + s.width - 1 - x) * s.channels + c]
        }
    }

    func adding(_ a: [Float], _ b: [Float], _ sign: Float = 1) -> [Float] { zip(a, b).map { $0 + sign * $1 } }

    @Test("an image is its bytes less the mean image, with its label, and a rank needs only what it keeps")
    func plain() {
        let got = fill(source(keeping: [4, 10, 798]), [5, 399, 2])
        #expect(got.pixels == [image(5), image(399), image(2)])
        #expect(got.labels == [0, 8, 4])
    }

    @Test("mirrored images have left and right exchanged before the mean is taken away, half of them, by the epoch")
    func mirroring() {
        let ids = (0..<Int32(400)).map { $0 }
        var flips: [[Bool]] = []
        for epoch in 0..<2 {
            let got = fill(source(mirroring: .image), ids, epoch: epoch).pixels
            flips.append(ids.map { got[Int($0)] != image($0) })
            for id in ids where flips[epoch][Int(id)] {
                let raw = adding(got[Int(id)], SampleSourceTests.mean)
                #expect(adding(mirrored(raw), SampleSourceTests.mean, -1) == image(id))
            }
            #expect((150...250).contains(flips[epoch].filter { $0 }.count))
        }
        #expect(flips[0] != flips[1])
    }

    @Test("in batch scope all samples of a step are mirrored together, the drawn ones too")
    func batchMirroring() {
        let ids: [Int32] = [1, 2, 3, 450]
        let unmirrored = fill(source(mean: SampleSourceTests.meanTraining), ids).pixels
        var count = 0
        for step in 0..<200 {
            let got = fill(
                source(mean: SampleSourceTests.meanTraining, mirroring: .batch), ids, step: step
            ).pixels
            let flipped = ids.indices.map { got[$0] != unmirrored[$0] }
            #expect(Set(flipped).count == 1)
            if flipped[0] { count += 1 }
            if flipped[3] { #expect(mirrored(got[3]) == unmirrored[3]) }
        }
        #expect((70...130).contains(count))
    }

    /// An image moved, by a loop of its own: 0 where it covers nothing.
    func moved(_ id: Int32, down: Int, right: Int, mirrored isMirrored: Bool) -> [Float] {
        let s = SampleSourceTests.shape
        let pixels = adding(image(id), SampleSourceTests.mean)
        let source = isMirrored ? mirrored(pixels) : pixels
        return (0..<s.count).map { i in
            let (y, x) = (i / s.channels / s.width + down, i / s.channels % s.width + right)
            guard (0..<s.height).contains(y), (0..<s.width).contains(x) else { return 0 }
            return source[(y * s.width + x) * s.channels + i % s.channels] - SampleSourceTests.mean[i]
        }
    }

    @Test(
        "images are moved by every distance up to the shift, anew each epoch, nonsense by none",
        arguments: [(1, Mirroring.off), (2, .image), (9, .off)])
    func shift(_ shift: Int, _ mirroring: Mirroring) {
        let source = source(mean: SampleSourceTests.meanTraining, mirroring: mirroring, shift: shift)
        let ids = (0..<Int32(400)).map { $0 }
        let got = fill(source, ids, epoch: 3).pixels
        var seen: [[Int]: Int] = [:]
        for id in ids {
            let reach = -shift...shift
            let candidates = reach.flatMap { down in reach.map { (down, $0) } }
                .flatMap { down, right in (mirroring == .off ? [false] : [false, true]).map { (down, right, $0) } }
            let found = candidates.filter { moved(id, down: $0.0, right: $0.1, mirrored: $0.2) == got[Int(id)] }
            #expect(!found.isEmpty)
            // Moved out of sight altogether, many distances look alike.
            if let (down, right, mirrored) = found.first, found.count == 1 {
                seen[[down, right, mirrored ? 1 : 0], default: 0] += 1
            }
        }
        if shift < 3 {
            let kinds = (2 * shift + 1) * (2 * shift + 1) * (mirroring == .off ? 1 : 2)
            #expect(seen.count == kinds && (seen.values.max() ?? 0) < 4 * 400 / kinds)
        }
        #expect(fill(source, ids, epoch: 4).pixels != got)
        let drawn = (700..<Int32(1000)).map { $0 }
        let still = self.source(mean: SampleSourceTests.meanTraining, mirroring: mirroring)
        #expect(fill(source, drawn).pixels == fill(still, drawn).pixels)
    }

    @Test("what a sample is depends neither on its neighbours nor on the order, nor on what else is kept")
    func independence() {
        let noise = RandomTraining(
            distribution: .uniform, amplitude: 0.3, probability: 0.5, scope: .image, redraw: true)
        let ids = (0..<Int32(1000)).map { $0 }
        let all = source(mean: SampleSourceTests.meanTraining, random: noise, mirroring: .image)
        let together = fill(all, ids, epoch: 4)
        let reversed = fill(all, ids.reversed(), epoch: 4, step: 17)
        #expect(Array(reversed.pixels.reversed()) == together.pixels)
        #expect(Array(reversed.labels.reversed()) == together.labels)
        let few = source(
            keeping: [6, 8], mean: SampleSourceTests.meanTraining, random: noise, mirroring: .image)
        #expect(fill(few, [4, 950], epoch: 4).pixels == [together.pixels[4], together.pixels[950]])
    }

    @Test("mean samples are sigma N(0, 1) around the mean image, sigma uniform, drawn once, labelled class 11")
    func meanSamples() {
        let source = source(mean: SampleSourceTests.meanTraining)
        let ids = (400..<Int32(700)).map { $0 }
        let got = fill(source, ids)
        #expect(got.labels.allSatisfy { $0 == 10 })
        let sigmas = got.pixels.map { sample in
            (sample.map { Double($0 * $0) }.reduce(0, +) / Double(sample.count)).squareRoot()
        }
        let average = sigmas.reduce(0, +) / 300
        #expect(abs(average - 32) < 4)
        #expect((sigmas.min() ?? 99) < 4 && (sigmas.max() ?? 0) > 56 && (sigmas.max() ?? 99) < 80)
        // Scaled by its deviation a sample is standard normal: kurtosis 3, mean 0.
        let scaled = zip(got.pixels, sigmas).flatMap { sample, sigma in sample.map { Double($0) / sigma } }
        #expect(abs(scaled.reduce(0, +) / Double(scaled.count)) < 0.02)
        #expect(abs(scaled.map { $0 * $0 * $0 * $0 }.reduce(0, +) / Double(scaled.count) - 3) < 0.15)
        #expect(fill(source, ids, epoch: 5, step: 3).pixels == got.pixels)
    }

    @Test("noise samples are N(127.5, deviation^2), neither clipped nor rounded, labelled class 12")
    func noiseSamples() {
        let ids = (700..<Int32(1000)).map { $0 }
        let got = fill(source(mean: SampleSourceTests.meanTraining), ids, epoch: 2)
        #expect(got.labels.allSatisfy { $0 == 11 })
        let raw = got.pixels.flatMap { adding($0, SampleSourceTests.mean) }.map(Double.init)
        let average = raw.reduce(0, +) / Double(raw.count)
        let variance = raw.map { ($0 - average) * ($0 - average) }.reduce(0, +) / Double(raw.count)
        #expect(abs(average - 127.5) < 2 && abs(variance.squareRoot() - 96) < 2)
        #expect((raw.min() ?? 0) < -50 && (raw.max() ?? 0) > 300)
        #expect(source(mean: SampleSourceTests.meanTraining).sampleCount == 1000)
    }

    @Test("deviations of noise samples spread from (1 - spread) deviation up, drawn once")
    func spreadNoiseSamples() {
        let spread = MeanTraining(samples: 300, scale: 64, noiseSamples: 300, noiseDeviation: 96, noiseSpread: 0.75)
        let ids = (700..<Int32(1000)).map { $0 }
        let got = fill(source(mean: spread), ids)
        let deviations = got.pixels.map { sample -> Double in
            let raw = adding(sample, SampleSourceTests.mean).map { Double($0) - 127.5 }
            return (raw.map { $0 * $0 }.reduce(0, +) / Double(raw.count)).squareRoot()
        }
        #expect(abs(deviations.reduce(0, +) / 300 - 60) < 4)
        #expect((deviations.min() ?? 99) < 30 && (deviations.max() ?? 0) > 85)
        #expect(fill(source(mean: spread), ids, epoch: 5, step: 3).pixels == got.pixels)
    }

    @Test("means of noise samples spread over 127.5 (1 +- spread), deviations as without it")
    func spreadNoiseMeans() {
        var spread = MeanTraining(samples: 300, scale: 64, noiseSamples: 300, noiseDeviation: 64)
        let ids = (700..<Int32(1000)).map { $0 }
        let alike = fill(source(mean: spread), ids)
        spread.noiseMeanSpread = 0.4
        let got = fill(source(mean: spread), ids)
        let moved = zip(got.pixels, alike.pixels).map { sample, other in zip(sample, other).map { Double($0 - $1) } }
        #expect(moved.allSatisfy { by in (by.max() ?? 99) - (by.min() ?? 0) < 1e-3 })
        let means = moved.map { $0[0] }
        #expect(abs(means.reduce(0, +) / 300) < 6 && means.allSatisfy { abs($0) <= 51 })
        #expect((means.min() ?? 0) < -47 && (means.max() ?? 0) > 47)
    }

    @Test("nonsense drawn anew is another in each epoch, the first epoch's being that of a run that draws once")
    func redrawnNonsense() {
        var redrawn = SampleSourceTests.meanTraining
        redrawn.redraw = true
        let ids = (400..<Int32(1000)).map { $0 }
        let (once, anew) = (source(mean: SampleSourceTests.meanTraining), source(mean: redrawn))
        #expect(fill(anew, ids).pixels == fill(once, ids).pixels)
        let later = fill(anew, ids, epoch: 3)
        #expect(zip(later.pixels, fill(once, ids).pixels).allSatisfy { $0 != $1 })
        #expect(later.labels == fill(once, ids).labels && fill(anew, ids, epoch: 3).pixels == later.pixels)
    }

    @Test(
        "sign noise is +-amplitude with equal chances on a part of the images, drawn once or anew",
        arguments: [true, false])
    func signNoise(redraw: Bool) {
        let noise = RandomTraining(
            distribution: .sign, amplitude: 0.5, probability: 0.25, scope: .image, redraw: redraw)
        let source = source(mean: SampleSourceTests.meanTraining, random: noise)
        let ids = (0..<Int32(400)).map { $0 }
        let first = fill(source, ids, epoch: 1).pixels
        let differences = ids.map { adding(first[Int($0)], image($0), -1) }
        let noisy = differences.filter { $0.contains { $0 != 0 } }
        #expect((65...140).contains(noisy.count))
        #expect(noisy.allSatisfy { $0.allSatisfy { abs(abs($0) - 127.5) < 1e-3 } })
        let positive = noisy.flatMap { $0 }.filter { $0 > 0 }.count
        #expect(abs(Double(positive) / Double(noisy.count * SampleSourceTests.count) - 0.5) < 0.02)
        // No pixel has the same sign in all of them.
        for pixel in 0..<SampleSourceTests.count {
            let up = noisy.filter { $0[pixel] > 0 }.count
            #expect(up > noisy.count / 5 && up < noisy.count * 4 / 5)
        }
        #expect((fill(source, ids, epoch: 2).pixels == first) == !redraw)
        // Drawn nonsense samples are noise already.
        let drawn = (400..<Int32(1000)).map { $0 }
        #expect(fill(source, drawn).pixels == fill(self.source(mean: SampleSourceTests.meanTraining), drawn).pixels)
    }

    @Test("amplitudes spread from (1 - spread) amplitude up, one for each image and draw")
    func spreadNoise() {
        let noise = RandomTraining(
            distribution: .sign, amplitude: 0.5, spread: 0.8, probability: 1, scope: .image, redraw: true)
        let source = source(mean: SampleSourceTests.meanTraining, random: noise)
        let ids = (0..<Int32(400)).map { $0 }
        let amplitudes = [1, 2].map { epoch in
            let pixels = fill(source, ids, epoch: epoch).pixels
            return ids.map { adding(pixels[Int($0)], image($0), -1).map(abs) }.map { image in
                #expect(image.allSatisfy { abs($0 - image[0]) < 1e-3 })
                return image[0] / 127.5
            }
        }
        let all = amplitudes.flatMap { $0 }
        #expect(all.allSatisfy { (0.199...1.001).contains($0) })
        #expect(abs(all.reduce(0, +) / Float(all.count) - 0.6) < 0.03)
        #expect((all.min() ?? 1) < 0.23 && (all.max() ?? 0) > 0.97)
        #expect(zip(amplitudes[0], amplitudes[1]).allSatisfy { $0 != $1 })
    }

    @Test("in batch scope one coin decides for a step, for all its samples, and the noise is new each epoch")
    func batchNoise() {
        let noise = RandomTraining(
            distribution: .uniform, amplitude: 0.15, probability: 0.5, scope: .batch, redraw: true)
        let source = source(mean: SampleSourceTests.meanTraining, random: noise)
        let ids: [Int32] = [0, 5, 450, 900]
        let clean = fill(self.source(mean: SampleSourceTests.meanTraining), ids).pixels
        var steps = 0
        var values: [Float] = []
        var patterns: Set<[Float]> = []
        for epoch in 0..<20 {
            for step in 0..<10 {
                let got = fill(source, ids, epoch: epoch, step: step).pixels
                let noisy = ids.indices.map { got[$0] != clean[$0] }
                #expect(Set(noisy).count == 1)
                guard noisy[0] else { continue }
                steps += 1
                patterns.insert(got[0])
                values += ids.indices.flatMap { adding(got[$0], clean[$0], -1) }
            }
        }
        #expect((70...130).contains(steps))
        #expect(patterns.count > 15)
        #expect(values.allSatisfy { abs($0) <= 0.15 * 255 + 1e-3 })
        let variance = values.map { Double($0 * $0) }.reduce(0, +) / Double(values.count)
        #expect(abs(variance.squareRoot() - 0.15 * 255 / 3.0.squareRoot()) < 0.3)
    }

    @Test("the mean image of sums of parts is that of the whole, exactly")
    func meanImages() {
        let whole = madeUpImages((0..<Int32(101)).map { $0 }, shape: SampleSourceTests.shape)
        var sums = PixelSums(shape: whole.shape)
        sums.add(whole)
        var parts = PixelSums(shape: whole.shape)
        parts.add(madeUpImages([1, 5, 7], shape: whole.shape))
        parts.add(madeUpImages((0..<Int32(101)).filter { ![1, 5, 7].contains($0) }, shape: whole.shape))
        #expect(parts == sums && sums.count == 101)
        let mean = meanImage(sums: sums.sums, count: sums.count)
        for p in [0, 1, 100, 125] {
            let exact = (0..<101).map { Double(UInt8(truncatingIfNeeded: $0 + 7 * p)) }.reduce(0, +) / 101
            #expect(mean[p] == Float(exact))
        }
    }
}
