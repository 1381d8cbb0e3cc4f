import Robustness
import Testing

@Suite("An attack's samples are cut into tasks")
struct ChunkingTests {
    @Test("chunks cover what is left once, in order, and end small", arguments: [1, 2, 3, 64])
    func tapered(ranks: Int) {
        var done = IndexRanges()
        done.insert(100..<220)
        done.insert(900..<1000)
        let gaps = done.gaps(in: 0..<2_003)
        let chunks = Chunking(size: nil, unit: Chunking.rows, ranks: ranks).cut(gaps)
        #expect(chunks.flatMap { Array($0) } == Array(0..<100) + Array(220..<900) + Array(1000..<2_003))
        #expect(chunks.allSatisfy { $0.count <= 100 })
        #expect(chunks.suffix(3).allSatisfy { $0.count <= 20 })
        if ranks == 1 { #expect(chunks.prefix(5).allSatisfy { $0.count == 100 }) }
    }

    @Test("a size that is given is kept; whole groups stay whole")
    func given() {
        #expect(Chunking(size: 7, unit: 1, ranks: 2).cut([0..<20]) == [0..<7, 7..<14, 14..<20])
        #expect(Chunking(size: 7, unit: 100, ranks: 2).cut([0..<250]) == [0..<100, 100..<200, 200..<250])
        #expect(Chunking(size: nil, unit: 100, ranks: 8).cut([100..<250]) == [100..<200, 200..<250])
    }

    @Test("a task and its code are one to one, at the largest places too")
    func codes() {
        for task in [
            EvaluationTask(attack: 0, samples: 0..<1),
            EvaluationTask(attack: 500, samples: 4_000_000_000..<4_000_032_768),
        ] {
            #expect(EvaluationTask(code: task.code) == task)
            #expect(task.code >= 0)
        }
    }
}
