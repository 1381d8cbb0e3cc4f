import Recipes
import Testing
import Training

@Suite("The learning rate's schedule")
struct ScheduleTests {
    private func rates(_ schedule: Schedule, at steps: [Int]) -> [Double] {
        steps.map { schedule.learningRate(base: 0.1, step: $0, stepsPerEpoch: 10, epochs: 4) }
    }

    @Test("A constant schedule leaves the rate")
    func constant() {
        #expect(rates(Schedule(.constant), at: [0, 1, 39, 1000]) == [0.1, 0.1, 0.1, 0.1])
    }

    @Test("A step schedule lowers the rate from the first step of each milestone's epoch on")
    func milestones() {
        let found = rates(Schedule(.step, epochs: [1, 3], factor: 0.5), at: [0, 9, 10, 29, 30, 39])
        #expect(found == [0.1, 0.1, 0.05, 0.05, 0.025, 0.025])
    }

    @Test("The paper's CIFAR-10 rates: 0.05 for 60 epochs, 0.005 for 20, 0.0005 for 10")
    func paper() {
        let schedule = Schedule(.step, epochs: [60, 80])
        for (epoch, rate) in [(0, 0.05), (59, 0.05), (60, 0.005), (79, 0.005), (80, 0.0005), (89, 0.0005)] {
            let found = schedule.learningRate(base: 0.05, step: epoch * 1000, stepsPerEpoch: 1000, epochs: 90)
            #expect(Float(found) == Float(rate), "epoch \(epoch)")
        }
    }

    @Test("A cosine falls from the whole rate by half at the middle to the floor at the end")
    func cosine() {
        let found = rates(Schedule(.cosine, floor: 0.2), at: [0, 10, 20, 40])
        let expected = [0.1, 0.1 * (0.2 + 0.8 * (1 + 0.5.squareRoot()) / 2), 0.06, 0.02]
        for (a, b) in zip(found, expected) { #expect(abs(a - b) < 1e-15) }
    }

    @Test("The warm-up rises in equal parts, never from a rate of 0, to the whole rate")
    func warmup() {
        let found = rates(Schedule(.constant, warmupEpochs: 0.5), at: [0, 1, 3, 4, 5])
        for (a, b) in zip(found, [0.02, 0.04, 0.08, 0.1, 0.1]) { #expect(abs(a - b) < 1e-15) }
    }

    @Test("A cosine begins after the warm-up and still ends at the floor")
    func warmCosine() {
        let schedule = Schedule(.cosine, warmupEpochs: 2)
        #expect(rates(schedule, at: [19, 20]) == [0.1, 0.1])
        #expect(abs(rates(schedule, at: [30])[0] - 0.05) < 1e-15)
        #expect(rates(schedule, at: [40, 50]) == [0, 0])
    }

    @Test("A warm-up longer than the run only rises")
    func longWarmup() {
        let found = rates(Schedule(.cosine, warmupEpochs: 8), at: [0, 39])
        let expected: [Double] = [0.1 / 80, 0.05]
        #expect(found == expected)
    }

    @Test("The linear scaling rule multiplies by batch / reference batch, only where there is a reference")
    func scaling() {
        #expect(LearningRateScaling(referenceBatch: 100).learningRate(0.1, batch: 400) == 0.4)
        #expect(LearningRateScaling().learningRate(0.1, batch: 400) == 0.1)
    }
}
