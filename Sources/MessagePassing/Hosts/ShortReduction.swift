/// Sums, maxima and minima of a few numbers over all ranks, host by host.
final class ShortReduction: HostSpeaker {
    /// The bytes of the numbers at most.
    static let limit = 256

    private let exchange: HostExchange
    private let groups: HostGroups
    /// The numbers of one reduction: where those of each rank of the host lie, by turns, since one that begins the next
    /// cannot know whether all have read the last ones.
    private var turn = 0
    private var format = MessageFormat.byte
    private var count = 0
    private var operation = ReduceOperation.sum

    /// Collective: every rank of the groups calls this.
    init(_ groups: HostGroups) throws {
        exchange = try HostExchange(groups) { (2 * $0.host.worldSize + 1) * Self.limit }
        self.groups = exchange.groups
    }

    /// Replaces each element of `values`, of `limit` bytes at most, by its sum, maximum or minimum. Collective.
    func reduce<Element: ReducibleElement>(
        _ values: UnsafeMutableBufferPointer<Element>, _ operation: ReduceOperation
    ) throws {
        guard let own = values.baseAddress, !values.isEmpty else { return }
        (format, count, self.operation) = (Element.messageFormat, values.count, operation)
        let isReal = groups.world.rehearsal == nil
        // Of ranks that are but imagined all give what this one does.
        for rank in isReal ? groups.host.rank..<groups.host.rank + 1 : 0..<groups.host.worldSize {
            place(rank, Element.self).update(from: own, count: count)
        }
        exchange.begin(0, by: self)
        try exchange.wait()
        if groups.count == 1 || !isReal {
            combine(into: own)
        } else {
            own.update(from: result(Element.self), count: count)
        }
        turn = 1 - turn
    }

    func speak(stage: Int, on link: Communicator) throws -> PendingCollective {
        switch format {
        case .byte: preconditionFailure("bytes are not reduced")
        case .int32: try speak(Int32.self, on: link)
        case .int64: try speak(Int64.self, on: link)
        case .float: try speak(Float.self, on: link)
        case .double: try speak(Double.self, on: link)
        }
    }

    private func speak<Element: ReducibleElement>(
        _ type: Element.Type, on link: Communicator
    ) throws -> PendingCollective {
        let result = result(type)
        combine(into: result)
        return try link.startAllReduce(UnsafeMutableBufferPointer(start: result, count: count), operation)
    }

    /// Combines the numbers of the host's ranks, in their order.
    private func combine<Element: ReducibleElement>(into target: UnsafeMutablePointer<Element>) {
        for index in 0..<count {
            var value = place(0, Element.self)[index]
            for rank in 1..<max(1, groups.host.worldSize) {
                let other = place(rank, Element.self)[index]
                switch operation {
                case .sum: value += other
                case .max: value = max(value, other)
                case .min: value = min(value, other)
                }
            }
            target[index] = value
        }
    }

    private func place<Element>(_ rank: Int, _ type: Element.Type) -> UnsafeMutablePointer<Element> {
        (exchange.base + (turn * groups.host.worldSize + rank) * Self.limit).assumingMemoryBound(to: Element.self)
    }

    private func result<Element>(_ type: Element.Type) -> UnsafeMutablePointer<Element> {
        (exchange.base + 2 * groups.host.worldSize * Self.limit).assumingMemoryBound(to: Element.self)
    }
}
