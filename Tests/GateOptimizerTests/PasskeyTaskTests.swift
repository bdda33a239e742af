import Foundation
import GateOptimizer
import Testing

@Suite struct PasskeyTaskTests {
  private func decode(_ json: String) throws -> PasskeyTask {
    try JSONDecoder().decode(PasskeyTask.self, from: Data(json.utf8))
  }

  @Test func everyKeyIsOptional() throws {
    #expect(try decode("{}") == PasskeyTask())
    let task = try decode(
      #"{"kind": "digits", "passkeys": 1, "answer_lead_in": "It is", "depth_range": [0.1, 0.2]}"#)
    #expect(task.kind == .digits)
    #expect(task.passkeys == 1)
    #expect(task.answerLeadIn == "It is")
    #expect(task.depthRange == [0.1, 0.2])
    #expect(task.needle == PasskeyTask().needle)
  }

  @Test func keysAreThoseWritten() throws {
    var task = PasskeyTask()
    task.questions = 2
    let written = try JSONEncoder().encode(task)
    let keys = try #require(
      try JSONSerialization.jsonObject(with: written) as? [String: Any]
    ).keys
    #expect(Set(keys) == Set(PasskeyTask.CodingKeys.allCases.map(\.rawValue)))
    #expect(keys.contains("answer_lead_in") && keys.contains("depth_range"))
    #expect(try JSONDecoder().decode(PasskeyTask.self, from: written) == task)
  }

  @Test func presetsAreValid() throws {
    for task in [PasskeyTask.wordPasskeys, .heldOutPasskeys, .manyWords, .fiveDigits] {
      try task.validate()
    }
    #expect(
      Set(PasskeyTask.wordPasskeys.alphabet).isDisjoint(with: PasskeyTask.heldOutPasskeys.alphabet))
  }

  @Test(
    "impossible values are refused by name",
    arguments: [
      (#"{"length": 0}"#, "passkey.length: expected 1 to 1000 words or digits, found 0."),
      (#"{"passkeys": 0}"#, "passkey.passkeys: expected 1 to 1000 passkeys, found 0."),
      (#"{"passkeys": 1000000000}"#, "passkey.passkeys: expected 1 to 1000 passkeys"),
      (#"{"depth_range": [0.5, 1.5]}"#, "passkey.depth_range: expected two numbers in 0…1"),
      (#"{"depth_range": [0.9, 0.1]}"#, "passkey.depth_range: expected two numbers in 0…1"),
      (#"{"depth_range": [0.5]}"#, "passkey.depth_range: expected two numbers in 0…1"),
      (#"{"alphabet": ["a"]}"#, "passkey.alphabet: expected at least two words, each once"),
      (#"{"alphabet": ["a", "a"]}"#, "passkey.alphabet: expected at least two words, each once"),
      (#"{"alphabet": ["a", ""]}"#, "passkey.alphabet: expected words without white space"),
      (#"{"alphabet": ["a", "b c"]}"#, "passkey.alphabet: expected words without white space"),
      (#"{"alphabet": ["a", "b"], "length": 1}"#, "passkey.length: expected enough words"),
      (
        #"{"kind": "digits", "passkeys": 11, "length": 1}"#, "passkey.length: expected enough words"
      ),
      (#"{"needle": "nothing {ordinal}"}"#, "passkey.needle: expected {passkey} exactly once"),
      (
        #"{"needle": "{ordinal} {passkey} {passkey}"}"#,
        "passkey.needle: expected {passkey} exactly once"
      ),
      (
        #"{"needle": "the {ordinal}:{passkey}"}"#,
        "passkey.needle: expected a blank before {passkey}"
      ),
      (#"{"needle": "it is {passkey}"}"#, "passkey.needle: expected {ordinal}"),
      (#"{"question": "what?"}"#, "passkey.question: expected {ordinal}"),
      (#"{"question": "{ordinal}, {passkey}?"}"#, "passkey.question: expected no {passkey}"),
      (
        #"{"passkeys": 1, "question": " ", "answer_lead_in": ""}"#,
        "passkey.question: expected a question"
      ),
    ])
  func refused(json: String, expected: String) throws {
    let task = try decode(json)
    let error = #expect(throws: GateOptimizerError.self) { try task.validate() }
    #expect(error?.description.hasPrefix(expected) == true, "\(error?.description ?? "")")
    #expect(error?.category == .usage)
  }
}
