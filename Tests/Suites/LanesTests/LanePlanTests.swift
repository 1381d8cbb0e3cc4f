import Datasets
import Lanes
import Testing

@Suite("Lanes") struct LanePlanTests {
    static let cases: [(samples: Int, batch: Int, lanes: Int)] = [
        (100, 10, 1), (100, 10, 10), (103, 10, 3), (7, 10, 4), (72_000, 100, 8), (1_001, 50, 6), (64, 64, 64),
        (999, 37, 5), (0, 4, 2), (1, 1, 1),
    ]

    @Test("every sample is served exactly once an epoch, in exact shares of every batch", arguments: cases)
    func partition(samples: Int, batch: Int, lanes: Int) {
        let plan = LanePlan(samples: samples, batch: batch, lanes: lanes, seed: 11)
        #expect(plan.stepsPerEpoch == (samples + batch - 1) / batch)
        var served = [Int](repeating: 0, count: samples)
        var inStep = [Int](repeating: 0, count: plan.stepsPerEpoch)
        for lane in 0..<lanes {
            let order = plan.order(lane: lane, epoch: 3)
            #expect(order.sorted() == plan.owned(lane: lane))
            var next = 0
            for step in 0..<plan.stepsPerEpoch {
                let range = plan.range(lane: lane, stepInEpoch: step)
                #expect(range.lowerBound == next && range.count == plan.count(lane: lane, stepInEpoch: step))
                if plan.batchSize(stepInEpoch: step) == batch {
                    #expect(!range.isEmpty && range.count == plan.positions(ofLane: lane).count)
                }
                for id in order[range] { served[Int(id)] += 1 }
                inStep[step] += range.count
                next = range.upperBound
            }
            #expect(next == order.count)
        }
        #expect(served.allSatisfy { $0 == 1 })
        #expect(inStep == (0..<plan.stepsPerEpoch).map { plan.batchSize(stepInEpoch: $0) })
        #expect(inStep.reduce(0, +) == samples)
    }

    @Test("lanes tile the batch", arguments: cases)
    func tiles(samples: Int, batch: Int, lanes: Int) {
        let plan = LanePlan(samples: samples, batch: batch, lanes: lanes, seed: 1)
        #expect((0..<lanes).flatMap { Array(plan.positions(ofLane: $0)) } == Array(0..<batch))
    }

    @Test("the short last batch gives each lane its positions below the remainder")
    func shortBatch() {
        let plan = LanePlan(samples: 25, batch: 10, lanes: 2, seed: 1)
        #expect(plan.batchSize(stepInEpoch: 2) == 5)
        #expect(plan.count(lane: 0, stepInEpoch: 2) == 5)
        #expect(plan.count(lane: 1, stepInEpoch: 2) == 0)
        #expect(plan.owned(lane: 0).count == 15 && plan.owned(lane: 1).count == 10)
    }

    @Test("an epoch's order and the ownership depend on the seed, and epochs differ")
    func seeds() {
        let plan = LanePlan(samples: 1000, batch: 10, lanes: 2, seed: 1)
        #expect(
            plan.order(lane: 0, epoch: 0)
                == LanePlan(samples: 1000, batch: 10, lanes: 2, seed: 1).order(lane: 0, epoch: 0))
        #expect(plan.order(lane: 0, epoch: 0) != plan.order(lane: 0, epoch: 1))
        #expect(plan.owned(lane: 0) != LanePlan(samples: 1000, batch: 10, lanes: 2, seed: 2).owned(lane: 0))
    }

    @Test("the validation split takes its number of images and leaves the others, ascending")
    func validation() {
        let splits = Splits(trainCount: 1000, validation: 200, seed: 5)
        #expect(splits.validation.count == 200 && splits.train.count == 800)
        #expect((splits.train + splits.validation).sorted() == Array(0..<1000))
        #expect(splits.train == splits.train.sorted() && splits.validation == splits.validation.sorted())
        #expect(splits.validation != Splits(trainCount: 1000, validation: 200, seed: 6).validation)
        #expect(splits.validation != Array(0..<200))
        #expect(Splits(trainCount: 10, validation: 0, seed: 5).train == Array(0..<10))
    }

    @Test("a stratified validation split holds each class's share, to an image")
    func stratified() {
        // 500, 300, 199 and 1 images of four classes, mixed.
        let labels = (0..<1000).map { i -> UInt8 in
            i == 7 ? 9 : [0, 1, 0, 2, 0, 1, 0, 2, 0, 1][i % 10]
        }
        for count in [0, 1, 10, 200, 999, 1000] {
            let splits = Splits(labels: labels, validation: count, seed: 5)
            #expect(splits.validation.count == count)
            #expect((splits.train + splits.validation).sorted() == Array(0..<1000))
            #expect(splits.train == splits.train.sorted() && splits.validation == splits.validation.sorted())
            for label in [UInt8(0), 1, 2, 9] {
                let share = Double(labels.count { $0 == label } * count) / 1000
                let held = Double(splits.validation.count { labels[Int($0)] == label })
                #expect(abs(held - share) < 1.5, "\(held) of class \(label), \(share) expected")
            }
        }
        #expect(
            Splits(labels: labels, validation: 200, seed: 5).validation
                != Splits(labels: labels, validation: 200, seed: 6).validation)
        #expect(Splits(labels: [], validation: 0, seed: 5).train.isEmpty)
    }
}
