import Checkpoints
import Essentials
import Foundation
import HDF5Files
import Interchange
import Kernels
import Networks
import TestSupport
import Testing

@Suite("Exported networks")
struct ExportTests {
    /// A checkpoint of a small network with drawn weights.
    private func checkpoint(_ name: String) throws -> Checkpoint {
        let network = try #require(SmallNetworks.all.first { $0.name == name }).network
        let model = Model(try NetworkPlan(network))
        model.drawWeights(seed: 3)
        var checkpoint = unfinishedCheckpoint(network: network.json)
        checkpoint.store(model, meanImage: (0..<network.input.count).map { Float($0) })
        return checkpoint
    }

    @Test("safetensors: a header that tiles the numbers without gaps, every tensor's bits, nothing of the optimiser")
    func safetensors() throws {
        let checkpoint = try checkpoint("mReLU, released loss")
        let bytes = try checkpoint.safetensors()
        let length = bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        #expect(length % 8 == 0)
        let header = try #require(
            try JSONSerialization.jsonObject(with: Data(bytes[8..<8 + length])) as? [String: [String: Any]])
        #expect(header["__metadata__"]?["network"] as? String == checkpoint.header.network)
        let stored = checkpoint.tensors.filter { $0.key.hasPrefix("model/") || $0.key.hasPrefix("input/") }
        #expect(header.count == stored.count + 1)
        var ranges: [Range<Int>] = []
        for (path, tensor) in stored {
            let name = path.replacingOccurrences(of: "model/", with: "").replacingOccurrences(of: "/", with: ".")
            let entry = try #require(header[name], "\(name)")
            let offsets = try #require(entry["data_offsets"] as? [Int])
            #expect(entry["dtype"] as? String == "F32")
            #expect(entry["shape"] as? [Int] == tensor.shape)
            #expect(
                tensor.elements.withUnsafeBytes {
                    bytes[(8 + length)...][(8 + length + offsets[0])..<(8 + length + offsets[1])].elementsEqual($0)
                })
            ranges.append(offsets[0]..<offsets[1])
        }
        ranges.sort { $0.lowerBound < $1.lowerBound }
        #expect(zip(ranges, ranges.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound })
        #expect(ranges.first?.lowerBound == 0 && ranges.last?.upperBound == bytes.count - 8 - length)
    }

    @Test("ONNX: the operations of the network in order, each on the result before it; shapes, pads and weights")
    func onnx() throws {
        let checkpoint = try checkpoint("mReLU, released loss")
        let model = Message(try checkpoint.onnx())
        let graph = try #require(model.messages(7).first)
        let nodes = graph.messages(1)
        #expect(
            nodes.map { $0.text(4) } == [
                "Sub", "Conv", "BatchNormalization", "Abs", "Sub", "Relu", "MaxPool", "Conv", "BatchNormalization",
                "Abs", "Sub",
                "Relu", "AveragePool", "Conv", "BatchNormalization", "Relu", "Conv", "Flatten", "Mul", "Neg", "Exp",
            ])
        var known = Set(graph.messages(5).map { $0.text(8) } + ["pixels"])
        for node in nodes {
            #expect(node.texts(1).allSatisfy { known.contains($0) }, "\(node.text(4)) takes \(node.texts(1))")
            #expect(known.insert(node.text(2)).inserted)
        }
        #expect(graph.messages(11).map { $0.text(1) } == ["pixels"])
        #expect(graph.messages(12).map { $0.text(1) } == ["logits", "confidence"])
        let pool = try #require(nodes.first { $0.text(4) == "AveragePool" })
        let attributes = Dictionary(uniqueKeysWithValues: pool.messages(5).map { ($0.text(1), $0.numbers(8)) })
        #expect(attributes == ["kernel_shape": [3, 3], "strides": [2, 2], "pads": [0, 0, 1, 1]])
        for tensor in graph.messages(5) where tensor.text(8).hasPrefix("conv") && !tensor.text(8).hasSuffix("_one") {
            let stored = try #require(
                checkpoint.tensors["model/" + tensor.text(8).replacingOccurrences(of: ".", with: "/")])
            #expect(tensor.numbers(1) == stored.shape)
            #expect(stored.elements.withUnsafeBytes { tensor.bytes(9).elementsEqual($0) })
        }
    }

    @Test("a plain network's end is a softmax; every small network is written")
    func plain() throws {
        for (name, network) in SmallNetworks.all {
            let graph = try #require(Message(try checkpoint(name).onnx()).messages(7).first)
            #expect(graph.messages(1).last?.text(4) == (network.hybridLoss == nil ? "Softmax" : "Exp"), "\(name)")
        }
    }

    @Test("a file that holds no network is refused")
    func refusal() throws {
        #expect { _ = try unfinishedCheckpoint(network: "{\"layers\":[]}").onnx() } throws: {
            ($0 as? Failure)?.code == .data
        }
    }
}

/// A message of Protocol Buffers, read back.
private struct Message {
    private var fields: [(number: Int, value: UInt64, bytes: [UInt8])] = []

    init(_ bytes: [UInt8]) {
        var place = 0
        func variable() -> UInt64 {
            var (value, shift) = (UInt64(0), UInt64(0))
            while place < bytes.count {
                value |= UInt64(bytes[place] & 0x7F) << shift
                shift += 7
                place += 1
                if bytes[place - 1] < 0x80 { break }
            }
            return value
        }
        while place < bytes.count {
            let tag = variable()
            switch tag & 7 {
            case 0: fields.append((Int(tag >> 3), variable(), []))
            case 5:
                fields.append((Int(tag >> 3), 0, Array(bytes[place..<place + 4])))
                place += 4
            default:
                let count = Int(variable())
                fields.append((Int(tag >> 3), 0, Array(bytes[place..<place + count])))
                place += count
            }
        }
    }

    func messages(_ number: Int) -> [Message] { fields.filter { $0.number == number }.map { Message($0.bytes) } }
    func texts(_ number: Int) -> [String] {
        fields.filter { $0.number == number }.map { String(decoding: $0.bytes, as: UTF8.self) }
    }
    func text(_ number: Int) -> String { texts(number).first ?? "" }
    func bytes(_ number: Int) -> [UInt8] { fields.first { $0.number == number }?.bytes ?? [] }
    func numbers(_ number: Int) -> [Int] { fields.filter { $0.number == number }.map { Int($0.value) } }
}
