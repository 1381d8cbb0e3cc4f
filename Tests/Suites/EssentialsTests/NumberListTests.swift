import Essentials
import Testing

@Suite("Lists of numbers")
struct NumberListTests {
    @Test("are written and read as the kernel writes them")
    func lists() {
        #expect(NumberList(parsing: "\t0-2,5\n").numbers == [0, 1, 2, 5])
        #expect(NumberList(parsing: "").numbers == [] && NumberList(parsing: "3-1,x").numbers == [])
        #expect("\(NumberList([0, 1, 2, 5]))" == "0-2,5")
        #expect(NumberList([4]).counting("core") == "core 4" && NumberList([0, 1]).counting("rank") == "ranks 0-1")
        #expect(!NumberList.allowedCores.numbers.isEmpty)
    }
}

@Suite("The kernel's files")
struct KernelTextTests {
    @Test("are read to their end, though they say that they have no size")
    func whole() {
        let maps = kernelText("/proc/self/maps")
        #expect(maps.utf8.count > 4096 && maps.hasSuffix("\n") && maps.contains("[stack]"))
        #expect(kernelText("/proc/none") == "")
    }
}
