import Foundation
import GateOptimizer
import Support
import TestSupport
import Testing

@Suite struct PasskeyHaystackTests {
  private let task = {
    var task = PasskeyTask.fiveDigits
    (task.prologue, task.epilogue) = ("<", ">")
    (task.needle, task.question, task.answerLeadIn) = ("[ {passkey}]", "Q", "A:")
    return task
  }()

  private func sample(
    _ source: HaystackSource, length: Int = 400, index: Int = 0
  ) throws -> (sample: TaskSample, haystack: String) {
    let sampler = try PasskeySampler(
      task: task, haystack: source, contextLengths: [length], seed: 3,
      encode: GateToyTokenizers.bytes)
    let sample = try sampler.sample(index: index)
    let needle = sample.needles[0]
    let tokens =
      sample.tokens[1..<needle.lowerBound - 1]
      + sample.tokens[needle.upperBound + 1..<sample.labelRows.lowerBound - 1]
    return (sample, GateToyTokenizers.text(tokens))
  }

  private func write(_ text: String, to path: String) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
  }

  @Test func windowsBeginAtSentencesAndWrapRound() throws {
    try GateFixtures.withFolder { folder in
      let text = "One two\nthree. Four five!\r\n\r\n\"Six seven?\" Eight  nine\n"
      try write(text, to: folder + "/a.txt")
      try write("Ten eleven.\n", to: folder + "/b.txt")
      let ring = "\nOne two three. Four five!\n\"Six seven?\" Eight nine\nTen eleven."
      let source = HaystackSource.text(files: [folder + "/a.txt", folder + "/b.txt"])
      var beginnings = Set<String>()
      for index in 0..<40 {
        let haystack = try sample(source, index: index).haystack
        #expect(String(repeating: ring, count: 12).contains(haystack))
        beginnings.insert(String(haystack.prefix(5)))
      }
      #expect(beginnings == ["\nOne ", " Four", "\n\"Six", " Eigh", "\nTen "])
    }
  }

  @Test func textWithoutFullStopsIsCutBetweenWords() throws {
    try GateFixtures.withFolder { folder in
      try write(String(repeating: "tick tock ", count: 500), to: folder + "/a.txt")
      let haystack = try sample(.text(files: [folder + "/a.txt"]), length: 2000).haystack
      #expect(
        haystack.split(whereSeparator: \.isWhitespace).dropFirst().dropLast().allSatisfy {
          $0.count == 4
        })
    }
  }

  @Test func filesThatCannotServeAreNamed() throws {
    try GateFixtures.withFolder { folder in
      try write(" \n\t\n", to: folder + "/blank.txt")
      try Data([0xC3, 0x28]).write(to: URL(fileURLWithPath: folder + "/bytes.txt"))
      for (name, category) in [
        ("blank.txt", 65), ("bytes.txt", 65), ("none.txt", 66), ("", 66),
      ] {
        let path = folder + "/" + name
        let error = #expect(throws: FileError.self) { try sample(.text(files: [path])) }
        #expect(error?.description.hasPrefix(path) == true)
        #expect((error?.category == .badData) == (category == 65))
        #expect((error?.category == .missingInput) == (category == 66))
      }
    }
  }

  @Test(arguments: HaystackSource.Subject.allCases)
  func generatedProseIsVariedAndWellFormed(subject: HaystackSource.Subject) throws {
    let haystack = try sample(.generated(subject), length: 40_000).haystack
    #expect(!haystack.contains("{") && !haystack.contains("}"))
    #expect(!haystack.contains("  "))
    #expect(haystack.contains("\n"))
    let sentences = haystack.split(separator: ".")
    #expect(sentences.count > 300)
    #expect(Double(Set(sentences).count) > 0.95 * Double(sentences.count))
    #expect(haystack.firstRange(of: /\b[Aa] [aeiou]/) == nil)
    #expect(haystack.firstRange(of: /\b[Aa]n (?!hour)[^aeiou]/) == nil)
  }

  @Test func subjectsDiffer() throws {
    let village = Set(
      try sample(.generated(.village), length: 20_000).haystack.split(separator: "."))
    let coast = Set(try sample(.generated(.coast), length: 20_000).haystack.split(separator: "."))
    #expect(village.isDisjoint(with: coast))
  }

  @Test func sourcesDecodeFromConfigs() throws {
    let decode = { (json: String) in
      try JSONDecoder().decode(HaystackSource.self, from: Data(json.utf8))
    }
    #expect(try decode("{}").files == [])
    #expect(try decode(#"{"generator": "coast"}"#) == .generated(.coast))
    #expect(try decode(#"{"files": ["a.txt"]}"#) == .text(files: ["a.txt"]))
    let both = try decode(#"{"files": ["a.txt"], "generator": "coast"}"#)
    let error = #expect(throws: GateOptimizerError.self) { try both.validate() }
    #expect(error?.category == .usage)
    let source = HaystackSource.generated(.coast)
    let coded = try JSONEncoder().encode(source)
    #expect(try JSONDecoder().decode(HaystackSource.self, from: coded) == source)
  }
}
