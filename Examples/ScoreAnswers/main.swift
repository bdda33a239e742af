// Scores answers that were generated elsewhere: a line of JSON for each, with text, answers and classes.
//
//     swift run score-answers predictions.jsonl
import Foundation
import GateOptimizer

struct Line: Decodable {
  let text: String
  let answers: [String]
  let classes: [String]?
}

guard CommandLine.arguments.count == 2 else {
  print("score-answers FILE")
  exit(64)
}
let metrics = AnswerMetric.allCases.filter(\.judgesText)
print(metrics.map(\.rawValue).joined(separator: "\t"))
let text = try String(contentsOf: URL(fileURLWithPath: CommandLine.arguments[1]), encoding: .utf8)
for line in text.utf8.split(separator: UInt8(ascii: "\n")) {
  let line = try JSONDecoder().decode(Line.self, from: Data(line))
  let key = AnswerKey(references: line.answers, classes: line.classes ?? [], maximumTokens: 1)
  print(metrics.map { "\($0.score(line.text, key))" }.joined(separator: "\t"))
}
