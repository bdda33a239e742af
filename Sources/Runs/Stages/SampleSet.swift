import Foundation
import GateOptimizer
import MapReporter
import ModelLoader
import Support

/// Samples of a run as arrays, for people to read and for other programs to work on.
package struct SampleSet: Sendable {
  /// What a token of a sample is for.
  package enum Mark: Int32, Sendable {
    /// After the sample's end, where samples of one set differ in length.
    case padding = -1
    /// Text, needles and the epilogue.
    case text = 0
    /// A label row outside the answers.
    case question = 1
    /// A token of an answer.
    case answer = 2
    /// A token of an answer in which a word or digit begins.
    case firstOfWord = 3
  }

  /// The samples.
  package let samples: [TaskSample]
  private let tokenizer: Tokenizer

  /// Samples `indices` that the run learns its gates on or, where `task` names one, judges maps by.
  ///
  /// - Throws: `FileError` where the model cannot be opened, ``RunError`` where it does not suit
  ///   the configuration or has no such task, `GateOptimizerError` where no sample can be made.
  package init(
    _ configuration: RunConfiguration, document: ConfigurationDocument, task name: String?,
    indices: Range<Int>
  ) throws {
    let source = try configuration.openModel(document)
    tokenizer = try source.requiredTokenizer()
    let set =
      if let name {
        try Self.judging(
          configuration, task: name, path: document.path, tokenizer,
          positions: source.configuration.maxPositions)
      } else if configuration.calibration == nil {
        throw document.setting(
          InvalidSetting(
            [RunConfiguration.CodingKeys.calibration.rawValue],
            "is none, so that there are no samples to learn on; name an evaluation task with --task"
          ))
      } else {
        EvaluationSamples(source: try configuration.calibrationSampler(tokenizer))
      }
    samples = try indices.map { try set.sample(index: $0) }
  }

  private static func judging(
    _ configuration: RunConfiguration, task name: String, path: String, _ tokenizer: Tokenizer,
    positions: Int
  ) throws -> EvaluationSamples {
    let tasks = configuration.evaluation.tasks
    guard let task = tasks.first(where: { $0.name == name }) else {
      throw RunError.noSuchTask(name, path: path, known: tasks.map(\.name))
    }
    guard task.answers != nil else {
      let others = tasks.filter { $0.answers != nil }.map(\.name)
      throw RunError.noAnswers(task: name, path: path, others: others)
    }
    return try configuration.evaluationSamples(task, tokenizer, positions: positions)
  }

  /// The text of a sample, special tokens included.
  package func text(_ index: Int) -> String { tokenizer.decode(samples[index].tokens) }

  /// The names of the files that ``write(to:)`` writes.
  package static let files = ["tokens.npy", "marks.npy"]

  /// Writes `tokens.npy` and `marks.npy` into a folder, int32 (samples, longest sample): token ids and
  /// ``Mark``s, both −1 after a sample's end.
  ///
  /// - Throws: `FileError` or ``RunError`` where a file cannot be written.
  package func write(to folder: String) throws {
    try AtomicFile.createFolder(folder)
    let width = samples.map(\.length).max() ?? 0
    let shape = [samples.count, width]
    func table(_ row: (TaskSample) -> [Int32]) -> [Int32] {
      samples.flatMap { sample in
        let values = row(sample)
        return values + Array(repeating: Mark.padding.rawValue, count: width - values.count)
      }
    }
    try NumpyFile.write(table(\.tokens), shape: shape, to: "\(folder)/tokens.npy")
    try NumpyFile.write(table(Self.marks), shape: shape, to: "\(folder)/marks.npy")
  }

  private static func marks(of sample: TaskSample) -> [Int32] {
    var marks = Array(repeating: Mark.text, count: sample.length)
    for row in sample.labelRows { marks[row] = .question }
    for row in sample.answers.joined() { marks[row] = .answer }
    for row in sample.firstTokens { marks[row] = .firstOfWord }
    return marks.map(\.rawValue)
  }
}
