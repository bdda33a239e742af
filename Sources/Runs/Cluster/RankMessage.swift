import Foundation
import GateOptimizer
import MapReporter
import Transformer

/// What rank 0 asks of another rank.
enum RankRequest: Codable, Sendable {
  /// To open the model and the texts of a run, and to say what it found: one ``RankReply/facts(_:)``.
  case open(RankSetup)
  /// What samples add to a step under gates, (L, K): a ``RankReply/learned(_:)`` for each.
  case learn(samples: [Int], gates: [ExactNumbers])
  /// To read its samples of the search, of which it judges sets of a unit: one ``RankReply/judging(reread:)``.
  case judge(MapUnit)
  /// The losses of sets, each on a sample, after the base was made this one: one ``RankReply/losses(_:)``.
  case losses(RankTrials)
  /// To attend to samples of the calibration: a ``RankReply/rows(_:)`` for each, (L, K).
  case attention(samples: [Int])
  /// What samples say of heads by methods that share a pass: a ``RankReply/scored(_:)`` for each.
  case score(methods: [String], samples: [Int])
  /// What is right in samples while heads are masked: a ``RankReply/masked(_:)`` for each.
  case mask(RankMask, samples: [Int])
  /// The scores of some maps on a sample: a ``RankReply/map(place:_:)`` for each, then ``RankReply/done``.
  case evaluate(RankEvaluation)
  /// To leave; nothing is answered.
  case end

  /// What it is called where bytes are counted.
  var name: String {
    switch self {
    case .open: "open"
    case .learn: "learn"
    case .judge: "judge"
    case .losses: "losses"
    case .attention: "attention"
    case .score: "score"
    case .mask: "mask"
    case .evaluate: "evaluate"
    case .end: "end"
    }
  }
}

/// What a rank answers.
enum RankReply: Codable, Sendable {
  case facts(RankFacts)
  case learned(RankSample)
  case judging(reread: Int)
  case losses([ExactNumbers])
  case rows([ExactNumbers])
  case scored([String: RankRows])
  case masked(RankScores)
  case map(place: Int, RankScores)
  case done
  /// It could not: a sentence, the kind of error, and its machine.
  case failed(String, kind: String, host: String)
}

/// A request or a reply with the number of the request.
struct RankEnvelope<Content: Codable & Sendable>: Codable, Sendable {
  let number: Int
  let content: Content

  /// The bytes that are sent.
  func bytes() throws -> [UInt8] { Array(try JSONEncoder().encode(self)) }

  init(number: Int, _ content: Content) { (self.number, self.content) = (number, content) }

  /// Reads what ``bytes()`` wrote.
  init(_ bytes: [UInt8]) throws { self = try JSONDecoder().decode(Self.self, from: Data(bytes)) }
}

/// A run as another rank opens it.
struct RankSetup: Codable, Sendable {
  /// The configuration with every default.
  let configuration: String
  /// The folder that its paths are relative to.
  let workingDirectory: String
  /// The run's folder.
  let folder: String
  /// The process that asks.
  let process: RankProcess
}

/// Numbers that arrive bit by bit as they were sent, and those that are none.
struct ExactNumbers: Codable, Sendable, Equatable {
  let values: [Double]

  init(_ values: [Double]) { self.values = values }

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let bytes = Array(try container.decode(Data.self))
    values = stride(from: 0, to: bytes.count / 8 * 8, by: 8).map { start in
      Double(bitPattern: bytes[start..<start + 8].reduce(0) { $0 << 8 | UInt64($1) })
    }
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(
      Data(
        values.flatMap { value in
          (0..<8).map { UInt8(truncatingIfNeeded: value.bitPattern >> (56 - 8 * UInt64($0))) }
        }))
  }
}

extension [ExactNumbers] {
  /// The rows of a matrix.
  init(_ rows: [[Double]]) { self = rows.map(ExactNumbers.init) }

  /// The matrix.
  var rows: [[Double]] { map(\.values) }
}

/// A sample of a step, as it is sent.
struct RankSample: Codable, Sendable {
  private let tokens: Int
  private let studentRows: Int
  /// The loss, and the seconds of teacher, student and backward.
  private let numbers: ExactNumbers
  private let gradients: [ExactNumbers]

  init(_ learned: LearnedSample) {
    let result = learned.result
    (tokens, studentRows) = (learned.tokens, result.studentRows)
    numbers = ExactNumbers([
      result.distillation, result.seconds.teacher, result.seconds.student, result.seconds.backward,
    ])
    gradients = .init(result.gateGradients)
  }

  /// What was sent; nil for something else.
  var learned: LearnedSample? {
    guard numbers.values.count == 4 else { return nil }
    var seconds = StepSeconds()
    (seconds.teacher, seconds.student, seconds.backward) = (
      numbers.values[1], numbers.values[2], numbers.values[3]
    )
    return LearnedSample(
      TwoStreamResult(
        distillation: numbers.values[0], gateGradients: gradients.rows, studentRows: studentRows,
        seconds: seconds), tokens: tokens)
  }
}

/// Sets to be measured.
struct RankTrials: Codable, Sendable {
  let unit: MapUnit
  /// How often the base was set; 0 for no base yet.
  let generation: Int
  /// The base, a flag for each unit.
  let base: String
  let sets: [String]
  let samples: [Int]
  let kinds: [MapLoss]
}

extension [Bool] {
  /// A character for each flag.
  var flags: String { String(map { $0 ? "1" : "0" }) }

  /// The flags of such a text.
  init(flags: String) { self = flags.utf8.map { $0 == UInt8(ascii: "1") } }
}

/// What a sample says of heads by one method.
enum RankRows: Codable, Sendable {
  case counts([ExactNumbers])
  case passedOver(ExactNumbers)

  init(_ rows: SampleRows) {
    switch rows {
    case .counts(let rows): self = .counts(.init(rows))
    case .passedOver(let recall): self = .passedOver(ExactNumbers([recall]))
    }
  }

  var rows: SampleRows {
    switch self {
    case .counts(let rows): .counts(rows.rows)
    case .passedOver(let recall): .passedOver(recall: recall.values.first ?? 0)
    }
  }
}

/// Heads that are masked.
struct RankMask: Codable, Sendable {
  let kind: String
  let isMasked: [String]

  init(_ mask: HeadMask) {
    kind = mask.kind.rawValue
    isMasked = mask.isMasked.map(\.flags)
  }

  /// The mask; nil for a kind that is not known.
  var mask: HeadMask? {
    let rows = isMasked.map { [Bool](flags: $0) }
    let places = rows.indices.flatMap { layer in
      rows[layer].indices.filter { rows[layer][$0] }.map { (layer: layer, head: $0) }
    }
    return HeadMask.Kind(rawValue: kind).map {
      HeadMask($0, places, layers: rows.count, queryHeads: rows.first?.count ?? 0)
    }
  }
}

/// Maps to be scored on a sample.
struct RankEvaluation: Codable, Sendable {
  /// Places in the configuration's lists.
  let task: Int
  let deployment: Int
  let sample: Int
  /// Every map of the task, a text for each layer; nil where they were sent before.
  let maps: [[String]]?
  /// The maps that are wanted.
  let wanted: [Int]
}

/// What a map scored on a sample, as it is sent.
struct RankScores: Codable, Sendable {
  private let metrics: [String]
  private let places: [Int]
  private let counts: [Int]
  private let sums: ExactNumbers

  init(_ scores: SampleScores) {
    let all = scores.sums.sorted { $0.key < $1.key }
    metrics = all.map(\.key.metric.rawValue)
    places = all.map(\.key.place)
    counts = all.map(\.value.count)
    sums = ExactNumbers(all.map(\.value.sum))
  }

  var scores: SampleScores {
    var scores = SampleScores()
    for (index, name) in metrics.enumerated() {
      guard let metric = CurveMetric(rawValue: name) else { continue }
      scores[metric, places[index]] = SampleScore(sum: sums.values[index], count: counts[index])
    }
    return scores
  }
}
