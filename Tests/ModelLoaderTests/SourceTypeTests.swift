import Foundation
import ModelLoader
import Testing
import TestSupport

/// Every GGML type against the gguf Python package, on random blocks.
struct SourceTypeTests {
  @Test(
    arguments: [
      "F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K",
      "IQ4_NL", "IQ4_XS", "TQ1_0", "TQ2_0", "MXFP4",
    ])
  func decodesAsTheReferenceDoes(name: String) throws {
    let isUneven = ["IQ", "TQ", "MX"].contains { name.hasPrefix($0) }
    let file = isUneven ? "types-uneven" : "types"
    let encoded = try GGUFFile(path: Fixture.path("\(file).gguf")).tensors
    let expected = try SafetensorsFile(path: Fixture.path("\(file).safetensors")).tensors
    let source = try #require(encoded[name.lowercased()])
    let oracle = try #require(expected[name])
    #expect(source.shape == oracle.shape)
    #expect(source.type.rawValue == name)
    // The arithmetic is the same, so the bits are.
    #expect(try source.readValues() == oracle.readValues())
  }

  @Test func chunksDoNotChangeValues() throws {
    let tensors = try GGUFFile(path: Fixture.path("tiny-llama.gguf")).tensors
    var source = try #require(tensors["blk.0.attn_q.weight"])
    source.rotatedHeadDim = 8
    var pieces: [UInt8] = []
    try source.forEachChunk(of: 1) { bytes in
      #expect(bytes.count == 8 * 32 * 4)  // one head
      pieces += bytes
    }
    #expect(try source.type.decode(pieces) == source.readValues())
  }

  @Test func roundsToSixteenBits() {
    // Ties go to even: 1 + 2^-8 lies half-way between two bfloat16 values.
    let values: [Float] = [1, 1 + 0x1p-8, 1 + 0x3p-8, -0.0, .infinity, .nan]
    let bits = ElementEncoder.halves(values, type: .bfloat16)
    #expect(bits[0...4] == [0x3F80, 0x3F80, 0x3F82, 0x8000, 0x7F80])
    #expect(Float(bitPattern: UInt32(bits[5]) << 16).isNaN)
    #expect(ElementEncoder.halves([1, 65504], type: .float16) == [0x3C00, 0x7BFF])
    #expect(ElementEncoder.firstOverflow([1, 70_000], type: .float16) == 70_000)
    #expect(ElementEncoder.firstOverflow([1, 70_000], type: .bfloat16) == nil)
    #expect(ElementEncoder.firstOverflow([.infinity], type: .float16) == nil)
  }
}
