import Essentials
import Foundation
import Testing

@Suite("Digests") struct DigestTests {
    private func digest(_ algorithm: Digest.Algorithm = .sha256, _ add: (borrowing Digest) -> Void) -> String {
        let digest = Digest(algorithm)
        add(digest)
        return digest.finish().hexadecimal
    }

    @Test("SHA-256 (FIPS 180-4 examples) and MD5 (RFC 1321), in one piece and in many")
    func knownAnswers() {
        #expect(
            Digest.of(.init(start: nil, count: 0)).hexadecimal
                == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        let abc = digest { $0.update("abc") }
        #expect(abc == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        let million = digest { digest in
            for _ in 0..<1000 { digest.update([UInt8](repeating: 97, count: 1000)) }
        }
        #expect(million == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
        let md5 = digest(.md5) { digest in
            digest.update("message ")
            digest.update("digest")
        }
        #expect(md5 == "f96b697d7cb7938d525a2f31aaf161d0")
    }

    @Test("numbers are digested as their bytes in memory")
    func elements() {
        let numbers = digest { $0.update([1, 256] as [UInt16]) }
        let bytes = digest { $0.update([1, 0, 0, 1] as [UInt8]) }
        #expect(numbers == bytes)
    }
}

@Suite("Suggestions") struct SuggestionTests {
    @Test("the nearest name is found through typing errors, and nothing is suggested for a word far from all")
    func nearest() {
        let names = ["learning_rate", "batch", "epochs", "momentum", "weight_decay"]
        #expect(nearestName(to: "learnign_rate", among: names) == "learning_rate")
        #expect(nearestName(to: "Batch", among: names) == "batch")
        #expect(nearestName(to: "epoch", among: names) == "epochs")
        #expect(nearestName(to: "btach", among: names) == "batch")
        #expect(nearestName(to: "zzzzzz", among: names) == nil)
        #expect(nearestName(to: "batch", among: [String]()) == nil)
        #expect(unknownName("key", "epoch", among: names) == "unknown key 'epoch'; did you mean 'epochs'?")
        #expect(
            unknownName("data set", "xyzzy", among: ["mnist", "cifar10"])
                == "unknown data set 'xyzzy'; known: mnist, cifar10")
    }
}

@Suite("Numbers in sentences") struct NumberTextTests {
    @Test("take the plural where they are not one, and as many decimals as asked for")
    func words() {
        #expect([0, 1, 2].map { counted($0, "rank") } == ["0 ranks", "1 rank", "2 ranks"])
        #expect(fixed(2.0 / 3, 3) == "0.667" && fixed(-1.5, 0) == "-2" && fixed(1e6, 1) == "1000000.0")
    }
}

@Suite("Failures") struct FailureTests {
    @Test("name a path so that a shell takes it as one word")
    func shellWord() {
        #expect("runs/läufe-1=0.03".shellWord == "runs/läufe-1=0.03")
        #expect("my runs/a'b".shellWord == #"'my runs/a'\''b'"#)
        #expect("".shellWord == "''" && "$x".shellWord == "'$x'")
    }

    @Test("are told on one line, whatever comes with a name from a file, and move no cursor")
    func oneLine() {
        let message = Failure(.data, "no 'a\u{1B}[2J\nb\r\nc\u{0}\u{85}\u{2028}' – here").message
        #expect(message == "no 'a [2J b c   ' – here")
        // Ends of lines beyond ASCII alone, too.
        #expect(Failure(.data, "a\u{85}b").message == "a b" && Failure(.data, "a\u{2029}b").message == "a b")
    }
}

@Suite("Memory") struct HostMemoryTests {
    @Test("that is free is some, and not more than there is")
    func free() {
        let pages = sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))
        let alone = HostMemory.available(sharedBy: 1)
        #expect((1 << 20...pages).contains(alone))
        // Other programs take and give back meanwhile.
        #expect(HostMemory.available(sharedBy: 1000) < alone / 100)
    }
}
