import Checkpoints
import Essentials
import Foundation
import HDF5Files
import TestSupport
import Testing

@Suite("A checkpoint")
struct CheckpointTests {
    @Test("is loaded as it was saved, bit for bit")
    func roundTrip() throws {
        try withTemporaryDirectory { folder in
            let checkpoint = sampleCheckpoint()
            try checkpoint.save(to: folder + "/a.h5")
            let loaded = try Checkpoint.load(folder + "/a.h5")
            #expect(loaded.header == checkpoint.header)
            #expect(loaded.tensors == checkpoint.tensors)
            #expect(loaded.groupAttributes == checkpoint.groupAttributes)
            #expect(loaded.source == folder + "/a.h5")
        }
    }

    @Test("lies behind a seal as documented: magic, version, count and SHA-256 of the rest")
    func seal() throws {
        try withTemporaryDirectory { folder in
            try sampleCheckpoint().save(to: folder + "/a.h5")
            let file = try bytes(of: folder + "/a.h5")
            #expect(file.prefix(16).elementsEqual("STEADFAST\0\r\n\u{1A}\n\0\0".utf8))
            #expect(file[16..<24].elementsEqual([1, 0, 0, 0, 0, 0, 0, 0]))
            let count = file[24..<32].reversed().reduce(0) { $0 << 8 | Int($1) }
            #expect(count == file.count - 512)
            let digest = Digest()
            digest.update(Array(file[512...]))
            #expect(file[32..<64].elementsEqual(digest.finish()))
            #expect(file[512..<520].elementsEqual([0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A]))
        }
    }

    @Test("is read by h5dump", .enabled(if: programPath("h5dump") != nil, "h5dump is not installed"))
    func h5dump() throws {
        try withTemporaryDirectory { folder in
            try sampleCheckpoint().save(to: folder + "/a.h5")
            let mean = try #require(try output(of: "h5dump", ["-p", "-d", "/input/mean_image", folder + "/a.h5"]))
            #expect(mean.status == 0)
            for words in ["H5T_IEEE_F32LE", "( 1, 2, 2 )", "254.5", "SHUFFLE", "DEFLATE", "FLETCHER32"] {
                #expect(mean.text.contains(words), "\(words) in \(mean.text)")
            }
            let root = try #require(try output(of: "h5dump", ["-A", folder + "/a.h5"]))
            #expect(root.status == 0)
            let names = [
                "format", "format_version", "product_version", "step", "epoch", "seed", "lanes", "world_size",
                "variant",
                "dataset", "dataset_digest", "classes", "recipe", "network", "created", "content_digest", "stabilizer",
            ]
            for name in names { #expect(root.text.contains("ATTRIBUTE \"\(name)\""), "\(name)") }
            #expect(root.text.contains("steadfast-checkpoint") && root.text.contains("18446744073709551614"))
        }
    }

    @Test("has a training digest that the tensors of training alone change")
    func trainingDigest() {
        let one = sampleCheckpoint(worldSize: 1, created: "2024-01-01T00:00:00Z")
        var two = sampleCheckpoint(worldSize: 8, created: "2025-01-01T00:00:00Z")
        two.tensors["state/order"] = Tensor(shape: [1], elements: .int64([9]))
        #expect(one.trainingDigest == two.trainingDigest)
        for path in ["model/conv1/bias", "optimizer/conv1/weight", "input/mean_image"] {
            var changed = one
            changed.tensors[path] = Tensor(shape: [1], [3])
            #expect(changed.trainingDigest != one.trainingDigest)
        }
    }

    @Test("with a flipped byte anywhere is refused")
    func flippedBytes() throws {
        try withTemporaryDirectory { folder in
            try sampleCheckpoint().save(to: folder + "/a.h5")
            let good = try bytes(of: folder + "/a.h5")
            for position in Set(0..<100).union(stride(from: 0, to: good.count, by: 97)) {
                var bad = good
                bad[position] ^= 0x10
                try write(bad, to: folder + "/bad.h5")
                let failure = try failure { _ = try Checkpoint.load(folder + "/bad.h5") }
                #expect(failure.code == .data)
                #expect(failure.message.contains(folder + "/bad.h5"))
            }
        }
    }

    @Test("cut at any length is refused, an empty file included")
    func truncated() throws {
        try withTemporaryDirectory { folder in
            try sampleCheckpoint().save(to: folder + "/a.h5")
            let good = try bytes(of: folder + "/a.h5")
            for count in Set([0, 1, 8, 16, 31, 32, 511, 512, 513, 520, good.count - 1]).union(
                stride(from: 0, to: good.count, by: 331))
            {
                try write(Array(good.prefix(count)), to: folder + "/bad.h5")
                #expect(try failure { _ = try Checkpoint.load(folder + "/bad.h5") }.code == .data, "\(count) bytes")
            }
            try write(good + [0], to: folder + "/bad.h5")
            #expect(try failure { _ = try Checkpoint.load(folder + "/bad.h5") }.code == .data, "one byte more")
            try write(Array(good.prefix(good.count / 2)), to: folder + "/bad.h5")
            let half = try failure { _ = try Checkpoint.load(folder + "/bad.h5") }
            #expect(half.message.contains("half copy"), "\(half)")
        }
    }

    @Test("of a newer product is refused with the advice to update")
    func newer() throws {
        try withTemporaryDirectory { folder in
            try sampleCheckpoint().save(to: folder + "/a.h5")
            var file = try bytes(of: folder + "/a.h5")
            file[16] = 3
            try write(file, to: folder + "/newer.h5")
            #expect(try failure { _ = try Checkpoint.load(folder + "/newer.h5") }.message.contains("newer steadfast"))
            let next = Int64(CheckpointLayout.version + 1)
            try rewrite(folder + "/a.h5") { $0.rootAttributes["format_version"] = .int64(next) }
            #expect(try failure { _ = try Checkpoint.load(folder + "/a.h5") }.message.contains("newer steadfast"))
        }
    }

    @Test(
        "without an attribute, or with one of another type or range, is refused with its name",
        arguments: [
            "product_version", "step", "epoch", "seed", "lanes", "world_size", "variant", "dataset", "dataset_digest",
            "classes", "recipe", "network", "created", "content_digest", "format", "format_version",
        ])
    func attributes(name: String) throws {
        try withTemporaryDirectory { folder in
            let path = folder + "/a.h5"
            for value: HDF5Attribute? in [nil, .float64(1), .int64(-1)] {
                try sampleCheckpoint().save(to: path)
                try rewrite(path, keepingDigest: name == "content_digest") { $0.rootAttributes[name] = value }
                let failure = try failure { _ = try Checkpoint.load(path) }
                #expect(failure.code == .data)
                #expect(failure.message.contains(path) && failure.message.contains(name), "\(failure)")
            }
        }
    }

    @Test("that grew after it was sealed is refused as changed, and read with trust")
    func grown() throws {
        try withTemporaryDirectory { folder in
            let path = folder + "/a.h5"
            let checkpoint = sampleCheckpoint()
            try checkpoint.save(to: path)
            try write(try bytes(of: path) + [UInt8](repeating: 0, count: 100), to: path)
            let refused = try failure { _ = try Checkpoint.load(path) }
            #expect(
                refused.message.contains("changed after it was sealed") && refused.message.contains("100 bytes more"))
            #expect(refused.message.contains("--trust"))
            #expect(try Checkpoint.load(path, trust: true).tensors == checkpoint.tensors)
        }
    }

    @Test("whose content was changed under a good seal is refused")
    func changedContent() throws {
        try withTemporaryDirectory { folder in
            try sampleCheckpoint().save(to: folder + "/a.h5")
            try rewrite(folder + "/a.h5", keepingDigest: true) {
                $0.tensors["model/norm1/gamma"] = Tensor(shape: [2], [1, 3])
            }
            #expect(try failure { _ = try Checkpoint.load(folder + "/a.h5") }.message.contains("content_digest"))
        }
    }

    @Test("that is none is refused: another HDF5 file, a text, a directory, nothing there, a pipe")
    func others() throws {
        try withTemporaryDirectory { folder in
            try SealedFile.write(HDF5Tree(tensors: ["x": Tensor(shape: [1], [1])]), to: folder + "/results.h5")
            let results = try failure { _ = try Checkpoint.load(folder + "/results.h5") }
            #expect(results.code == .data && results.message.contains("not a checkpoint"))
            try write(Array("dataset: mnist\n".utf8), to: folder + "/recipe.yaml")
            let text = try failure { _ = try Checkpoint.load(folder + "/recipe.yaml") }
            #expect(text.code == .data && text.message.contains("not a file of ours"))
            #expect(try failure { _ = try Checkpoint.load(folder + "/recipe.yaml", trust: true) }.code == .data)
            let directory = try failure { _ = try Checkpoint.load(folder) }
            #expect(directory.code == .noInput && directory.message.contains("is a directory"))
            let missing = try failure { _ = try Checkpoint.load(folder + "/none.h5") }
            #expect(missing.code == .noInput && missing.message.contains(folder + "/none.h5"))
            #expect(mkfifo(folder + "/pipe", 0o600) == 0)
            #expect(try failure { _ = try Checkpoint.load(folder + "/pipe") }.code == .noInput)
        }
    }

    @Test("of another network is told by file, object and both shapes")
    func anotherNetwork() throws {
        try withTemporaryDirectory { folder in
            try sampleCheckpoint().save(to: folder + "/a.h5")
            let checkpoint = try Checkpoint.load(folder + "/a.h5")
            #expect(try checkpoint.requireTensor("model/norm1/gamma", shape: [2]) == [1, 2])
            #expect(try checkpoint.requireDoubles("state/sums", shape: [2]) == [0.5, -2])
            #expect(try checkpoint.requireAttribute("stabilizer", of: "model/norm1") == 1e-4)
            let shape = try failure { _ = try checkpoint.requireTensor("model/conv1/weight", shape: [32, 3, 5, 5]) }
            #expect(shape.code == .data)
            for words in [folder + "/a.h5", "/model/conv1/weight", "[32, 3, 5, 5]", "[20, 1, 5, 5]", "another network"]
            {
                #expect(shape.message.contains(words), "\(words)")
            }
            let missing = try failure { _ = try checkpoint.requireTensor("model/fc1/weight", shape: [1]) }
            #expect(missing.message.contains("/model/fc1/weight") && missing.message.contains("missing"))
            let type = try failure { _ = try checkpoint.requireTensor("state/order", shape: [3]) }
            #expect(type.message.contains("int64"))
            #expect(try failure { _ = try checkpoint.requireAttribute("stabilizer", of: "model/norm2") }.code == .data)
        }
    }

    @Test("describes itself with every tensor and its digest, and moves no cursor")
    func describe() {
        let checkpoint = sampleCheckpoint(created: "\u{1B}[2Jnow")
        let text = checkpoint.describe()
        for path in checkpoint.tensors.keys { #expect(text.contains("/" + path)) }
        for words in ["20 x 1 x 5 x 5", "released", "1200", "stabilizer", checkpoint.trainingDigest] {
            #expect(text.contains(words), "\(words)")
        }
        #expect(!text.contains("\u{1B}"))
    }

    /// Changes a sealed file's content under a new seal; the content digest is made anew unless told otherwise.
    private func rewrite(_ path: String, keepingDigest: Bool = false, _ change: (inout HDF5Tree) -> Void) throws {
        var tree = try SealedFile.read(path)
        change(&tree)
        if !keepingDigest { tree.rootAttributes["content_digest"] = .string(tree.contentDigest) }
        try SealedFile.write(tree, to: path)
    }
}

@Suite("A plain HDF5 file", .serialized)
struct TrustTests {
    /// A checkpoint that has lost its seal.
    private func withPlainFile(_ body: (String) throws -> Void) throws {
        try withTemporaryDirectory { folder in
            try sampleCheckpoint().save(to: folder + "/sealed.h5")
            try write(Array(try bytes(of: folder + "/sealed.h5")[512...]), to: folder + "/plain.h5")
            try body(folder + "/plain.h5")
        }
    }

    @Test("is read with trust alone")
    func trust() throws {
        try withPlainFile { path in
            let refused = try failure { _ = try Checkpoint.load(path) }
            #expect(refused.code == .data && refused.message.contains("--trust"))
            #expect(try Checkpoint.load(path, trust: true).tensors == sampleCheckpoint().tensors)
        }
    }

    @Test("is refused when the child process refuses it, crashes, does not end or cannot be started")
    func child() throws {
        try withPlainFile { path in
            defer { UntrustedDecoder.command = [] }
            UntrustedDecoder.command = ["/bin/sh", "-c", "test -f \"$0\""]
            #expect(throws: Never.self) { try Checkpoint.load(path, trust: true) }
            UntrustedDecoder.command = ["/bin/sh", "-c", "echo a bad filter; exit 65"]
            let refused = try failure { _ = try Checkpoint.load(path, trust: true) }
            #expect(refused.code == .data && refused.message.contains("a bad filter") && refused.message.contains(path))
            UntrustedDecoder.command = ["/bin/sh", "-c", "kill -SEGV $$"]
            let crashed = try failure { _ = try Checkpoint.load(path, trust: true) }
            #expect(crashed.code == .data && crashed.message.contains("crashes"))
            UntrustedDecoder.command = ["/bin/sh", "-c", "ulimit -St 1; while :; do :; done"]
            let endless = try failure { _ = try Checkpoint.load(path, trust: true) }
            #expect(endless.code == .data && endless.message.contains("does not end"))
            UntrustedDecoder.command = ["/nowhere/steadfast"]
            #expect(try failure { _ = try Checkpoint.load(path, trust: true) }.code == .unavailable)
        }
    }

    @Test("Classes of another set have the network's labels, by names or, without them, by number")
    func classNames() throws {
        func labels(_ names: [String]?, _ own: [String]?) throws -> [UInt8]? {
            try ClassNames.labels(of: names, in: own, classes: 3, set: "other")
        }
        let own = ["cat", "dog", "eel"]
        #expect(try labels(own, own) == [0, 1, 2])
        #expect(try labels(["dog", "eel"], own) == [1, 2])
        #expect(try labels(["eel"], own) == [2])
        #expect(try labels(nil, own) == nil && labels(own, nil) == nil && labels(nil, nil) == nil)
        #expect(try labels(["1", "2"], nil) == [1, 2])
        let failure = #expect(throws: Failure.self) { try labels(["ape", "dog"], own) }
        #expect(failure?.code == .data)
        let words = "other has classes that the network has not, ape; the network's are cat, dog, eel:"
        #expect(failure?.message.hasPrefix(words) == true)
    }
}
