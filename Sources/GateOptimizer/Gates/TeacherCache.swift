import BasicContainers
import Foundation
import ModelLoader
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
  private var used = 0
  /// Positions in `kept` by sample.
  private var positions: [Int: Int] = [:]
  private var kept = UniqueArray<TeacherOutputs>()

  init(_ settings: TeacherCacheSettings, step: TwoStreamStep) {
    self.settings = settings
    self.step = step
  }

  /// Loss and gradients of a sample; the teacher runs only where its outputs are not known.
  ///
  /// - Throws: `ModelLoaderError` if a file cannot be written.
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
    guard used + outputs.byteCount <= settings.byteBudget else { return result }
    used += outputs.byteCount
    if let file {
      if isNew { try file.write(outputs) }
    } else {
      positions[index] = kept.count
      kept.append(outputs)
    }
    return result
  }
}

/// The file of one sample's outputs: an archive with one array, written as a whole.
private struct TeacherFile {
  private static let format = MetadataValue.text("zigzag-teacher")
  let path: String
  let identity: MetadataValue

  init?(_ settings: TeacherCacheSettings, sample: Int) {
    guard let folder = settings.folder else { return nil }
    path = "\(folder)/sample-\(sample).h5"
    identity = .text(settings.identity)
  }

  /// The outputs, if the file is there and what it should be.
  func read(_ step: TwoStreamStep, _ sample: PasskeySample) -> TeacherOutputs? {
    guard FileManager.default.fileExists(atPath: path),
      let archive = try? HDF5Archive(reading: path),
      archive.attributes["format"] == Self.format, archive.attributes["identity"] == identity,
      case .floats(let values, _)? = archive.arrays["outputs"]
    else { return nil }
    return step.outputs(values, labelRows: sample.labelRows)
  }

  func write(_ outputs: borrowing TeacherOutputs) throws {
    let values = outputs.values
    try HDF5Archive(
      attributes: ["format": Self.format, "identity": identity],
      arrays: ["outputs": .floats(values, shape: [values.count])]
    ).write(to: path)
  }
}
