import Foundation
import ModelLoader
import TestSupport
import Testing
import Transformer

extension FuzzTests {
  private static let qwen = "ModelLoaderTests/Fixtures/tiny-qwen2"

  /// A Hugging Face folder with sound files, of which one after another is replaced.
  private func folder() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    for (name, bytes) in try FuzzCorpus.fixtures(in: Self.qwen) {
      try Data(bytes).write(to: URL(fileURLWithPath: folder.path(name)))
    }
    return folder
  }

  /// Imports the folder with the file `name` replaced by the one at `path`.
  private func importing(_ folder: TemporaryFolder, _ name: String, from path: String) throws {
    let files = FileManager.default
    try? files.removeItem(atPath: folder.path(name))
    try files.copyItem(atPath: path, toPath: folder.path(name))
    let plan = try HuggingFaceFolder(path: folder.path).plan()
    // Reading a weight of a plan is what an import does.
    if let source = plan.sources.last { _ = try source.readValues() }
  }

  @Test func huggingFaceConfigurations() throws {
    let folder = try folder()
    let config = try FuzzCorpus.fixture("\(Self.qwen)/config.json")
    let scaled = """
      {"model_type": "llama", "hidden_size": 16, "num_attention_heads": 4, "num_hidden_layers": 2,
       "intermediate_size": 32, "vocab_size": 64, "max_position_embeddings": 128, "head_dim": 8,
       "rope_parameters": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
       "high_freq_factor": 4.0, "original_max_position_embeddings": 8192, "rope_theta": 5e5},
       "eos_token_id": [1, 2], "sliding_window": 4096, "use_sliding_window": false}
      """
    try FuzzCampaign(
      parser: "hf-config", suffix: ".json", seeds: [config],
      mutate: TextMutator(corpus: [config, Array(scaled.utf8)]).callAsFunction, named: folder.path
    ).run { try importing(folder, "config.json", from: $0) }
  }

  @Test func huggingFaceIndexes() throws {
    let folder = try folder()
    let name = "model.safetensors.index.json"
    let words = ["../x.safetensors", "/etc/x.safetensors", "model.bin", ".safetensors"]
    try FuzzCampaign(
      parser: "hf-index", suffix: ".json", seeds: [try FuzzCorpus.fixture("\(Self.qwen)/\(name)")],
      mutate: TextMutator(corpus: [try FuzzCorpus.fixture("\(Self.qwen)/\(name)")], words: words)
        .callAsFunction, named: folder.path
    ).run { try importing(folder, name, from: $0) }
  }

  @Test func safetensors() throws {
    let (one, two) = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
    let corpus = [
      try FuzzCorpus.fixture("ModelLoaderTests/Fixtures/types.safetensors"),
      try FuzzCorpus.fixture("\(Self.qwen)/\(two)"), try FuzzCorpus.fixture("\(Self.qwen)/\(one)"),
    ]
    try FuzzCampaign(parser: "safetensors", suffix: ".safetensors", seeds: corpus) { random in
      if random.chance(3) { return ByteMutator(corpus: corpus)(&random) }
      return Self.withHeader(of: random.pick(corpus), &random)
    }.run { path in
      for (_, tensor) in try SafetensorsFile(path: path).tensors { _ = try tensor.readValues() }
    }
  }

  /// The file with its JSON header damaged and the header's length right again.
  private static func withHeader(of file: [UInt8], _ random: inout TestRandom) -> [UInt8] {
    let length = file.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    let words = ["F64", "F32", "F16", "BF16", "I64", "dtype", "shape", "data_offsets"]
    let header = TextMutator(corpus: [Array(file[8..<8 + length])], words: words)(&random)
    var bytes = [UInt8](repeating: 0, count: 8)
    ByteMutator.put(UInt64(header.count), 8, at: 0, &bytes)
    return bytes + header + file[(8 + length)...]
  }

  @Test func gguf() throws {
    let corpus = try [
      FuzzCorpus.fixture("ModelLoaderTests/Fixtures/tiny-llama.gguf"),
      FuzzCorpus.fixture("ModelLoaderTests/Fixtures/types.gguf"),
    ]
    // What can break is the header: the values behind it are only numbers.
    try FuzzCampaign(parser: "gguf", suffix: ".gguf", seeds: [corpus[0]]) { random in
      let file = random.pick(corpus)
      let head = min(file.count, random.pick([256, 1024, 4096, 8192]))
      let mutator = ByteMutator(
        corpus: [Array(file[..<head])], keepsLength: !random.chance(4))
      return mutator(&random) + file[head...]
    }.run { path in
      let file = try GGUFFile(path: path)
      for (_, tensor) in file.tensors { _ = try tensor.readValues() }
      let plan = try GGUFModel(path: path).plan { try TokenizerJSON.fromGGUF($0) }
      for source in plan.sources { try source.forEachChunk { _ in } }
      if let json = plan.contents.tokenizerJSON { _ = try? Tokenizer(json: json).encode("a b") }
    }
  }

  @Test func numpyFiles() throws {
    let corpus = [
      try FuzzCorpus.file {
        try NumpyFile.write([1.5, 2, 3, 4, 5, 6] as [Float], shape: [2, 3], to: $0)
      },
      try FuzzCorpus.file { try NumpyFile.write([7, 8, 9] as [Int32], shape: [3], to: $0) },
    ]
    try FuzzCampaign(parser: "npy", suffix: ".npy", seeds: corpus) { random in
      random.chance(2)
        ? ByteMutator(corpus: corpus)(&random) : TextMutator(corpus: corpus)(&random)
    }.run { path in
      do {
        _ = try NumpyFile.readFloats(path: path)
      } catch {
        _ = try NumpyFile.readTokens(path: path, vocabulary: 100)
      }
    }
  }
}
