import Foundation
import Kernels
import Testing

@Suite("Philox") struct PhiloxTests {
    @Test("the published vectors of philox4x32-10 (Random123, kat_vectors)")
    func knownAnswers() {
        #expect(
            Philox.block(counter: .zero, key: .zero) == SIMD4(0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8))
        #expect(
            Philox.block(counter: SIMD4(repeating: .max), key: SIMD2(repeating: .max))
                == SIMD4(0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd))
        #expect(
            Philox.block(
                counter: SIMD4(0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344),
                key: SIMD2(0xa409_3822, 0x299f_31d0)) == SIMD4(0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1))
    }

    @Test("uniform numbers lie in [0, 1) with the moments of the uniform distribution")
    func uniform() {
        var random = Philox(seed: 1, purpose: .test)
        let n = 1_000_000
        var (sum, squares, lag) = (0.0, 0.0, 0.0)
        var previous = 0.5
        for _ in 0..<n {
            let x = Double(random.uniform())
            #expect(x >= 0 && x < 1)
            sum += x
            squares += (x - 0.5) * (x - 0.5)
            lag += (x - 0.5) * (previous - 0.5)
            previous = x
        }
        // Five deviations of each estimate.
        #expect(abs(sum / Double(n) - 0.5) < 5 * 0.2887e-3)
        #expect(abs(squares / Double(n) - 1 / 12.0) < 5 * 0.0745e-3)
        #expect(abs(lag / Double(n)) < 5 * 0.0833e-3)
    }

    @Test("Gaussian numbers have mean 0, deviation 1, no skew, kurtosis 3, and independent halves of a pair")
    func gaussian() {
        var random = Philox(seed: 2, purpose: .test)
        let n = 500_000
        var sums = [Double](repeating: 0, count: 4)
        var product = 0.0
        var draws = [Float](repeating: 0, count: 2 * n)
        random.fillGaussian(&draws, count: 2 * n)
        for pair in 0..<n {
            let (a, b) = (draws[2 * pair], draws[2 * pair + 1])
            for x in [Double(a), Double(b)] {
                for power in 0..<4 { sums[power] += pow(x, Double(power + 1)) }
            }
            product += Double(a) * Double(b)
        }
        let moments = sums.map { $0 / Double(2 * n) }
        #expect(abs(moments[0]) < 5e-3 && abs(moments[1] - 1) < 7e-3)
        #expect(abs(moments[2]) < 0.02 && abs(moments[3] - 3) < 0.05)
        #expect(abs(product / Double(n)) < 7e-3)
    }

    @Test(
        "Gaussian numbers follow the transform's definition to a unit in the last place, at the ends of its ranges too"
    )
    func definition() {
        var random = Philox(seed: 4, purpose: .test)
        let ends: [UInt32] = [
            0, 1, 1 << 29 - 1, 1 << 29, 1 << 30, 3 << 29, 1 << 31, 5 << 29, 3 << 30, 7 << 29, .max - 1, .max,
        ]
        var draws = ends.flatMap { u in ends.map { (u, $0) } }
        for _ in 0..<200_000 { draws.append((random.next(), random.next())) }
        for (u, v) in draws {
            let (x, y) = boxMuller(SIMD8(repeating: UInt64(u)), SIMD8(repeating: UInt64(v)))
            let radius = (-2 * log((Double(u) + 1) * 0x1p-32)).squareRoot()
            let angle = 2 * Double.pi * (Double(v) * 0x1p-32)
            for (found, exact) in [(x[3], radius * cos(angle)), (y[5], radius * sin(angle))] {
                // Beside a zero of cosine or sine the library's own angle is off by its last place.
                let bound = max(Double(Float(exact).ulp), 1e-14)
                #expect(abs(Double(found) - exact) <= bound, "\(u) \(v): \(found), not \(exact)")
            }
        }
    }

    @Test("any count is filled whole and no further, with the same numbers", arguments: [1, 2, 5, 15, 16, 17, 37])
    func fill(count: Int) {
        var (first, second) = (Philox(seed: 3, purpose: .test), Philox(seed: 3, purpose: .test))
        var (values, more) = ([Float](repeating: 9, count: count + 1), [Float](repeating: 9, count: 48))
        first.fillGaussian(&values, count: count)
        second.fillGaussian(&more, count: 48)
        #expect(values == more[..<count] + [9])
        // Two random numbers for each pair that was begun.
        var third = Philox(seed: 3, purpose: .test)
        for _ in 0..<(count + 1) / 2 { _ = third.next() as UInt64 }
        #expect(first.next() == third.next() as UInt32)
    }

    @Test("streams of another seed, purpose, id or epoch share no numbers; the same name gives the same numbers")
    func streams() {
        func blocks(_ seed: UInt64, _ purpose: RandomPurpose, _ a: Int, _ b: Int) -> [UInt64] {
            var random = Philox(seed: seed, purpose: purpose, a, b)
            return (0..<64).map { _ in random.next() }
        }
        let names: [(UInt64, RandomPurpose, Int, Int)] = [
            (1, .test, 0, 0), (2, .test, 0, 0), (1 << 32, .test, 0, 0), (1, .attack, 0, 0), (1, .test, 1, 0),
            (1, .test, 0, 1), (1, .test, 1, 1), (1, .test, 70_000, 0), (1, .test, 0, 70_000),
        ]
        let streams = names.map { blocks($0.0, $0.1, $0.2, $0.3) }
        // 64 bits each: two equal numbers anywhere are a shared block.
        #expect(Set(streams.joined()).count == 64 * names.count)
        #expect(blocks(1, .test, 1, 0) == streams[4])
    }

    @Test("a permutation holds each number once, depends on the stream, and favours no place")
    func permutation() {
        var random = Philox(seed: 4, purpose: .test)
        #expect(random.permutation(0).isEmpty && random.permutation(1) == [0])
        let large = random.permutation(60_000)
        #expect(large.sorted() == Array(0..<60_000) && large != Array(0..<60_000))
        var counts = [[Int]](repeating: [Int](repeating: 0, count: 5), count: 5)
        for _ in 0..<50_000 {
            for (place, value) in random.permutation(5).enumerated() { counts[place][Int(value)] += 1 }
        }
        // Each of 25 counts is 10,000 with a deviation of 89.
        #expect(counts.joined().allSatisfy { abs($0 - 10_000) < 450 })
    }
}
