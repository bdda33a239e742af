import BasicContainers
import Foundation
import ModelLoader
import Support
import Transformer

/// How much of the teacher is kept between steps, and where.
package struct TeacherCacheSettings: Sendable, Equatable {
  /// Bytes that may be kept; 0 keeps nothing.
  package var byteBudget: Int
  /// The folder of the cache's files; nil keeps everything in memory.
  package var folder: String?
  /// What the files belong to, weights and settings of the samples: others are not read.
  package var identity: String

  /// A cache of `byteBudget` bytes.
  package init(byteBudget: Int, folder: String? = nil, identity: String = "") {
    self.byteBudget = byteBudget
    self.folder = folder
    self.identity = identity
  }

  /// Nothing is kept.
  package static let none = TeacherCacheSettings(byteBudget: 0)
}

/// The teacher's outputs of as many samples as a byte budget holds, in memory or in files.
///
/// They do not depend on the gates, so that a finite sample set needs the teacher once for every sample.
/// Float32 values are kept as they are: what is learned from the cache has the bits of what is learned
/// without it.
struct TeacherCache: ~Copyable {
  private let settings: TeacherCacheSettings
  private let step: TwoStreamStep
  private let check: @Sendable () throws -> Void
  private var used = 0
  /// Positions in `kept` by sample.
  private var positions: [Int: Int] = [:]
  private var kept = UniqueArray<TeacherOutputs>()

  /// An empty cache, or one with the files of an interrupted job; before a file is written `check` may
  /// refuse it.
  init(
    _ settings: TeacherCacheSettings, step: TwoStreamStep,
    check: @escaping @Sendable () throws -> Void = {}
  ) {
    self.settings = settings
    self.step = step
    self.check = check
    if let folder = settings.folder { used = TeacherFile.bytes(in: folder) }
  }

  /// Loss and gradients of a sample; the teacher runs only where its outputs are not known.
  ///
  /// - Throws: `FileError` if a file cannot be written; what the check throws.
  mutating func learn(
    _ sample: TaskSample, index: Int, gates: [[Float]]
  ) throws -> TwoStreamResult {
    if let position = positions[index] {
      return step.learn(
        from: kept[position], tokens: sample.tokens, labelRows: sample.labelRows,
        boundary: step.boundary(of: sample), gates: gates)
    }
    var clock = LapClock()
    let file = TeacherFile(settings, sample: index)
    let stored = file?.read(step, sample)
    let isNew = stored == nil
    let outputs =
      stored
      ?? step.teach(
        tokens: sample.tokens, labelRows: sample.labelRows, boundary: step.boundary(of: sample))
    let seconds = clock.lap()
    var result = step.learn(
      from: outputs, tokens: sample.tokens, labelRows: sample.labelRows,
      boundary: step.boundary(of: sample), gates: gates)
    result.seconds.teacher = seconds
    if isNew { try keep(outputs, index: index, file: file) }
    return result
  }

  /// Keeps a sample's outputs if there is room for them.
  private mutating func keep(
    _ outputs: consuming TeacherOutputs, index: Int, file: TeacherFile?
  ) throws {
    // A file of other weights or settings is written over.
    let freed = file?.bytes ?? 0
    guard used - freed + outputs.byteCount <= settings.byteBudget else { return }
    if let file {
      try check()
      try file.write(outputs.values)
      used += file.bytes - freed
    } else {
      used += outputs.byteCount
      positions[index] = kept.count
      kept.append(outputs)
    }
  }
}

extension TeacherFile {
  /// The file of a sample; nil where outputs are kept in memory.
  fileprivate init?(_ settings: TeacherCacheSettings, sample: Int) {
    guard let folder = settings.folder else { return nil }
    self.init(path: "\(folder)/sample-\(sample).h5", identity: settings.identity)
  }

  /// The outputs, if the file is there and what it should be.
  fileprivate func read(_ step: TwoStreamStep, _ sample: TaskSample) -> TeacherOutputs? {
    guard FileManager.default.fileExists(atPath: path),
      let values = try? values(
        count: step.outputCount(
          labelRows: sample.labelRows, boundary: step.boundary(of: sample)))
    else { return nil }
    return step.outputs(
      values, labelRows: sample.labelRows, boundary: step.boundary(of: sample))
  }
}

/// The file of one sample's teacher outputs: an archive with one array, written as a whole.
package struct TeacherFile {
  private static let format = MetadataValue.text("zigzag-teacher")
  /// The file's path.
  package let path: String
  private let identity: MetadataValue

  /// The file at `path` of the run that `identity` names.
  package init(path: String, identity: String) {
    self.path = path
    self.identity = .text(identity)
  }

  /// The size of all such files in a folder.
  static func bytes(in folder: String) -> Int {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.filter { $0.hasPrefix("sample-") && $0.hasSuffix(".h5") }
      .reduce(0) { $0 + byteCount(of: "\(folder)/\($1)") }
  }

  /// The size of this file; 0 if there is none.
  var bytes: Int { Self.byteCount(of: path) }

  private static func byteCount(of path: String) -> Int {
    let attributes = try? FileManager.default.attributesOfItem(atPath: path)
    return (attributes?[.size] as? Int) ?? 0
  }

  /// The outputs, `count` finite values.
  ///
  /// - Throws: `FileError` where the file cannot be read or is damaged,
  ///   ``CalibrationError/checkpoint(path:expected:found:)`` where it is another's.
  package func values(count: Int) throws -> [Float] {
    let archive = try HDF5Archive(reading: path, attributes: ["format", "identity"]) { attributes in
      guard attributes["format"] == Self.format, attributes["identity"] == identity else {
        throw CalibrationError.checkpoint(
          path: path, expected: "the teacher's outputs for this model and these settings",
          found: "another file")
      }
      return ["outputs": .floats([count])]
    }
    guard case .floats(let values, _)? = archive.arrays["outputs"],
      values.allSatisfy(\.isFinite)
    else {
      throw CalibrationError.checkpoint(
        path: path, expected: "\(count) finite numbers", found: "something else")
    }
    return values
  }

  /// Writes the outputs.
  ///
  /// - Throws: `FileError` if the file cannot be written.
  package func write(_ values: [Float]) throws(FileError) {
    try HDF5Archive(
      attributes: ["format": Self.format, "identity": identity],
      arrays: ["outputs": .floats(values, shape: [values.count])]
    ).write(to: path)
  }
}

extension TwoStreamStep {
  /// Where the prompt of a sample ends.
  func boundary(of sample: TaskSample) -> Int { sample.boundary(deployment.boundary) }
}
