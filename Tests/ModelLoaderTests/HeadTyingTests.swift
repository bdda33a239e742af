import ModelLoader
import TestSupport
import Testing
import Transformer

/// Whether the output projection is the embedding: what the weights say counts.
struct HeadTyingTests {
  private let folder: CheckpointFolder
  private let embedding = "model.embed_tokens.weight"
  private let head = "lm_head.weight"

  init() throws { folder = try CheckpointFolder() }

  @Test func aHeadOfOtherValuesIsUsed() throws {
    folder.add(head, like: embedding) { $0 * 2 }
    let plan = try folder.plan()
    #expect(!plan.contents.configuration.tiedEmbeddings)
    #expect(plan.warnings.count == 1)
    #expect(plan.warnings.first?.contains("both are used") == true)
    let model = try folder.imported()
    let last = try #require(folder.tensor(head)?.values.last)
    #expect(model.weights.output.widened().values.last == last)
  }

  /// One value of all differs, in its last bit.
  @Test func theLastBitCounts() throws {
    var copy = try #require(folder.tensor(embedding))
    copy.name = head
    copy.values[copy.values.count - 1].ulpAway()
    folder.tensors.append(copy)
    #expect(try !folder.plan().contents.configuration.tiedEmbeddings)
  }

  @Test func anEqualHeadIsTied() throws {
    folder.add(head, like: embedding)
    let plan = try folder.plan()
    #expect(plan.contents.configuration.tiedEmbeddings)
    #expect(plan.warnings.isEmpty)
    #expect(try folder.imported().configuration.tiedEmbeddings)
  }

  /// The values of the fixture come from bfloat16, so 16 bits hold them whole.
  @Test func anEqualHeadOfAnotherTypeIsTied() throws {
    let original = try SafetensorsFile(path: Fixture.path("variants/llama.safetensors"))
    let tensor = try #require(original.tensors[embedding])
    #expect(tensor.type == .bfloat16)
    try folder.write()
    let values = try #require(folder.tensor(embedding))
    var file = SafetensorsBytes(folder.tensors)
    let start = file.data.count
    for value in values.values {
      let bits = UInt16(value.bitPattern >> 16)
      file.data += [UInt8(bits & 255), UInt8(bits >> 8)]
    }
    file.add(head, values.shape, type: "BF16", from: start, to: file.data.count)
    try folder.write(file.bytes, to: "model.safetensors")
    let plan = try HuggingFaceFolder(path: folder.path).plan()
    #expect(plan.contents.configuration.tiedEmbeddings)
    #expect(plan.warnings.isEmpty)
  }

  @Test func aHeadAloneIsTheEmbeddingToo() throws {
    folder.add(head, like: embedding) { $0 * 2 }
    folder.remove(embedding)
    let plan = try folder.plan()
    #expect(plan.contents.configuration.tiedEmbeddings)
    #expect(plan.warnings.isEmpty)
    let model = try folder.imported()
    #expect(model.weights.embedding.widened().values == folder.tensor(head)?.values)
  }

  @Test func withoutTheKeyAMissingHeadIsTiedAloud() throws {
    folder.configuration["tie_word_embeddings"] = nil
    let plan = try folder.plan()
    #expect(plan.contents.configuration.tiedEmbeddings)
    #expect(plan.warnings.first?.contains("does not say tie_word_embeddings") == true)
    // A decoder saved without its head is another thing.
    folder.configuration["architectures"] = ["LlamaModel"]
    expectError(.badData, "lm_head.weight", "LlamaModel without one") { try folder.plan() }
  }

  /// Without the key the two are taken as they are, even where they are equal.
  @Test func withoutTheKeyAHeadIsUsed() throws {
    folder.configuration["tie_word_embeddings"] = nil
    folder.add(head, like: embedding)
    let plan = try folder.plan()
    #expect(!plan.contents.configuration.tiedEmbeddings)
    #expect(plan.warnings.isEmpty)
  }

  @Test func aMissingHeadIsRefusedWhereTheKeySaysThereIsOne() throws {
    folder.configuration["tie_word_embeddings"] = false
    expectError(.badData, "lm_head.weight", "expected a tensor, found nothing") {
      try folder.plan()
    }
    folder.add(head, like: embedding)
    folder.remove(embedding)
    expectError(.badData, "embed_tokens", "expected a tensor") { try folder.plan() }
  }

  @Test func aHeadOfAnotherShapeIsRefused() throws {
    folder.tensors.append(TestTensor(head, [31, 16], .init(repeating: 1, count: 31 * 16)))
    expectError(.badData, "lm_head.weight", "expected shape [32, 16], found shape [31, 16]") {
      try folder.plan()
    }
  }
}

extension Float {
  /// Changes the last bit.
  fileprivate mutating func ulpAway() { self = Float(bitPattern: bitPattern ^ 1) }
}
