import BasicContainers
import Foundation
import ModelLoader
import Support
import Transformer

/// How much of the teacher is kept between steps, and where.
public struct TeacherCacheSettings: Sendable, Equatable {
  /// Bytes that may be kept; 0 keeps nothing.
  public var byteBudget: Int
  /// The folder of the cache's files; nil keeps everything in memory.
  public var folder: String?
  /// What the files belong to, weights and settings of the samples: others are not read.
  public var identity: String

  /// A cache of `byteBudget` bytes.
  public init(byteBudget: Int, folder: String? = nil, identity: String = "") {
    self.byteBudget = byteBudget
    self.folder = folder
    self.identity = identity
  }

  /// Nothing is kept.
  public static let none = TeacherCacheSettings(byteBudget: 0)
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
    _ sample: PasskeySample, index: Int, gates: [[Float]]
  ) throws -> TwoStreamResult {
    if let position = positions[index] {
      return step.learn(
        from: kept[position], tokens: sample.tokens, labelRows: sample.labelRows, gates: gates)
    }
    var clock = LapClock()
    let file = TeacherFile(settings, sample: index)
    let stored = file?.read(step, sample)
    let isNew = stored == nil
    let outputs = stored ?? step.teach(tokens: sample.tokens, labelRows: sample.labelRows)
    let seconds = clock.lap()
    var result = step.learn(
      from: outputs, tokens: sample.tokens, labelRows: sample.labelRows, gates: gates)
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
  fileprivate func read(_ step: TwoStreamStep, _ sample: PasskeySample) -> TeacherOutputs? {
    guard FileManager.default.fileExists(atPath: path),
      let values = try? values(count: step.outputCount(labelRows: sample.labelRows))
    else { return nil }
    return step.outputs(values, labelRows: sample.labelRows)
  }
}
