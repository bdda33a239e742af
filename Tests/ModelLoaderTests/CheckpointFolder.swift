import Foundation
import ModelLoader
import TestSupport

/// A Hugging Face folder that a test writes, from a configuration and the weights of Fixtures/variants.
final class CheckpointFolder {
  let folder: ModelTestFolder
  var path: String { folder.path }
  /// config.json.
  var configuration: [String: Any] = [:]
  /// The tensors of model.safetensors.
  var tensors: [TestTensor]

  /// The folder of the tiny llama, whose head differs from its embedding, or of the tiny qwen3.
  init(_ family: String = "llama", configuration name: String = "tied-and-different") throws {
    folder = try ModelTestFolder()
    let json = try Data(contentsOf: URL(fileURLWithPath: Fixture.path("variants/\(name).json")))
    configuration = (try JSONSerialization.jsonObject(with: json) as? [String: Any]) ?? [:]
    let file = try SafetensorsFile(path: Fixture.path("variants/\(family).safetensors"))
    tensors = try file.tensors.sorted { $0.key < $1.key }.map { name, tensor in
      TestTensor(name, tensor.shape, try tensor.readValues())
    }
    // The llama without its head is an ordinary tied model.
    if family == "llama" { remove("lm_head.weight") }
  }

  /// The tensor `name`.
  func tensor(_ name: String) -> TestTensor? { tensors.first { $0.name == name } }

  /// Takes the tensor `name` away.
  func remove(_ name: String) { tensors.removeAll { $0.name == name } }

  /// A copy of the tensor `name` under another name, its values changed by `change`.
  func add(
    _ name: String, like other: String, _ change: (Float) -> Float = { $0 }
  ) {
    guard let source = tensor(other) else { return }
    tensors.append(TestTensor(name, source.shape, source.values.map(change)))
  }

  /// Writes the folder.
  func write() throws {
    let json = try JSONSerialization.data(withJSONObject: configuration)
    try json.write(to: URL(fileURLWithPath: folder.file("config.json")))
    try write(tensors, to: "model.safetensors")
  }

  /// Writes `tensors` as a safetensors file.
  func write(_ tensors: [TestTensor], to name: String) throws {
    try write(SafetensorsBytes(tensors).bytes, to: name)
  }

  /// Writes any file.
  func write(_ bytes: Data, to name: String) throws {
    try bytes.write(to: URL(fileURLWithPath: folder.file(name)))
  }

  /// Writes the folder and reads its headers.
  func plan() throws -> ImportPlan {
    try write()
    return try HuggingFaceFolder(path: path).plan()
  }

  /// Writes the folder, imports and opens it.
  func imported() throws -> LoadedModel {
    try write()
    let file = folder.file("model.h5")
    _ = try Importer { _ in Data() }.run(source: path, destination: file)
    return try ModelFile.open(path: file)
  }
}

/// A safetensors file as a test writes it.
struct SafetensorsBytes {
  /// The header's entries, as JSON.
  var entries: [String] = []
  /// What follows the header.
  var data = Data()

  /// The tensors one behind the other, as the format wants them.
  init(_ tensors: [TestTensor] = []) {
    for tensor in tensors {
      add(tensor.name, tensor.shape, from: data.count, to: data.count + 4 * tensor.values.count)
      data += tensor.bytes
    }
  }

  /// Adds an entry that says that a tensor lies at some bytes.
  mutating func add(
    _ name: String, _ shape: [Int], type: String = "F32", from start: Int, to end: Int
  ) {
    entries.append(
      "\"\(name)\": {\"dtype\": \"\(type)\", \"shape\": \(shape), \"data_offsets\": [\(start), \(end)]}"
    )
  }

  /// The whole file.
  var bytes: Data {
    let header = Data("{\(entries.joined(separator: ", "))}".utf8)
    return Data(littleEndian(UInt64(header.count))) + header + data
  }
}
