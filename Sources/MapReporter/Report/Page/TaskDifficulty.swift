import Support

/// A task on which maps cannot be told apart, because it is too easy or too hard for the model.
enum TaskDifficulty: Equatable {
  /// Full attention has nearly everything right: this share.
  case tooEasy(Double)
  /// Full attention has little right: this share.
  case tooHard(Double)
  /// Nothing has anything right.
  case hopeless

  private static let ceiling = 0.995
  private static let little = 0.2
  private static let nothing = 0.01

  /// Judges the points of one task by their accuracy; nil where it tells maps apart, or is not known.
  init?(_ points: [CurvePoint]) {
    let full = points.first { $0.method == .full }
    guard let accuracy = full?.accuracy?.value else { return nil }
    let values = points.compactMap { $0.accuracy?.value }
    switch accuracy {
    case Self.ceiling...: self = .tooEasy(accuracy)
    case _ where values.allSatisfy { $0 <= Self.nothing }: self = .hopeless
    case ..<Self.little: self = .tooHard(accuracy)
    default: return nil
    }
  }

  /// What it means and what to do, in a sentence.
  var warning: String {
    let easier = "measure an easier task or a shorter context."
    return switch self {
    case .tooEasy(let accuracy):
      "Full attention reaches \(percent(accuracy, digits: 1)) here, so this task is too easy to tell good "
        + "maps apart: measure a harder task, such as the preset "
        + "\(EvaluationTask.Preset.manyWords.rawValue), or a longer context."
    case .tooHard(let accuracy):
      "Full attention itself reaches only \(percent(accuracy, digits: 1)) here, so this task says little "
        + "about maps: \(easier)"
    case .hopeless:
      "Neither full attention nor any map reaches more than \(percent(Self.nothing)) here, so this task "
        + "says nothing about maps: \(easier)"
    }
  }
}
