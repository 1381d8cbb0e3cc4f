import Foundation
import Kernels
import Networks
import TestSupport
import Testing

@Suite("Networks as text") struct NetworkCodingTests {
    @Test("every network comes back from JSON as it was", arguments: SmallNetworks.all.indices)
    func roundTrip(_ index: Int) throws {
        let network = SmallNetworks.all[index].network
        let data = try JSONEncoder().encode(network)
        #expect(try JSONDecoder().decode(Network.self, from: data) == network)
    }

    private func layers(_ text: String) throws -> [Layer] {
        try JSONDecoder().decode([Layer].self, from: Data(text.utf8))
    }

    @Test("a person writes kinds and settings in lower case with underscores, and may leave out the usual values")
    func written() throws {
        let text = """
            [{"convolution": {"channels": 20, "size": 5}}, "batch_normalization", {"activation": "mrelu"},
             {"pooling": {"kind": "average", "size": 3, "stride": 2, "padding": 1}},
             {"pooling": {"kind": "max", "size": 2}},
             {"convolution": {"channels": 4, "size": 3, "padding": 2, "stride": 2, "deviation": 0.05}},
             {"fully_connected": {"channels": 10}}]
            """
        #expect(
            try layers(text) == [
                .convolution(.init(channels: 20, size: 5, padding: 0, stride: 1)),
                .batchNormalization, .activation(.mrelu), .pooling(.init(.average, size: 3, stride: 2, padding: 1)),
                .pooling(.init(.max, size: 2, stride: 2, padding: 0)),
                .convolution(.init(channels: 4, size: 3, padding: 2, stride: 2, initialDeviation: 0.05)),
                .fullyConnected(.init(channels: 10)),
            ])
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let written = String(decoding: try encoder.encode(SmallNetworks.all[3].network), as: UTF8.self)
        #expect(written.contains(#""hybrid_loss":{"alpha":[1,1,0.1111111111111111],"p":2}"#))
        #expect(written.contains(#""batch_normalization",{"activation":"rbf"}"#))
    }

    @Test("settings of later versions are written where they are not the usual ones")
    func laterSettings() throws {
        let text = """
            [{"convolution":{"bias":false,"channels":4,"deviation":0.01,"padding":[0,1,2,3],"size":[3,1],"stride":1},\
            "inputs":["image"],"name":"first"},{"convolution":{"channels":4,"deviation":0.01,"padding":1,"size":3,\
            "stride":1}},{"add":null,"inputs":["first","conv2"]},{"convolution":{"channels":4,"deviation":0.01,\
            "dilation":2,"padding":0,"size":3,"stride":1}},{"convolution":{"channels":4,"deviation":0.01,\
            "dilation":[1,2],"padding":0,"size":3,"stride":1}},{"inputs":["first","conv2"],\
            "multiply":null},{"residual":{"body":["batch_normalization"]}}]
            """
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        #expect(String(decoding: try encoder.encode(try layers(text)), as: UTF8.self) == text)
        let equal = #"[{"convolution": {"channels": 4, "size": 3, "dilation": [2, 2]}}]"#
        #expect(try layers(equal) == [.convolution(.init(channels: 4, size: 3, dilation: 2))])
    }

    @Test(
        "a misspelt layer or setting is refused with the nearest name, not left out",
        arguments: [
            (#"[{"convolutoin": {"channels": 20, "size": 5}}]"#, "'convolution'"),
            (#"["batch_normalisation"]"#, "'batch_normalization'"),
            (#"[{"convolution": {"channels": 20, "size": 5, "pading": 2}}]"#, "'layers[1].convolution.padding'"),
            (#"[{"fully_connected": {"chanels": 20}}]"#, "'layers[1].fully_connected.channels'"),
            (#"[{"pooling": {"kind": "max", "size": 2, "strid": 2}}]"#, "'layers[1].pooling.stride'"),
            (#"[{"residual": {"body": [{"convolution": {"channels": 20}}]}}]"#, "body[1].convolution has no size"),
            (#"[{"convolution": {"channels": 4, "size": 3, "dilation": [1, 2, 3]}}]"#, "dilation is [1, 2, 3]"),
            (#"[{"residual": {"body": []}, "name": "a/b"}]"#, "layers[1].name is a/b"),
            (#"[{"add": null, "inputs": "conv1"}]"#, "layers[1].inputs is conv1"),
            (#"[{"pooling": {"kind": "max", "size": 2}, "activation": "relu"}]"#, "one key"),
        ])
    func misspelt(_ text: String, _ mention: String) {
        #expect {
            _ = try layers(text)
        } throws: { error in
            guard case DecodingError.dataCorrupted(let context) = error else { return false }
            return context.debugDescription.contains(mention)
        }
    }
}
