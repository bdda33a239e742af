import ModelLoader
import Support
import Testing

@Suite struct ReadingBudgetTests {
  private let limit = 64 * 100 + 16 << 20

  @Test func partsAddUp() throws {
    let budget = ReadingBudget(path: "some.json", byteCount: 100)
    try budget.charge(limit - 10, for: "the first part")
    try budget.charge(10, for: "the second part")
    #expect(throws: FileError.self) { try budget.charge(1, for: "the third part") }
  }

  @Test func theMessageNamesFileAndPlace() {
    let budget = ReadingBudget(path: "some.json", byteCount: 100)
    let error = #expect(throws: FileError.self) { try budget.charge(.max, for: "key vocab") }
    let sentence = error?.description ?? ""
    #expect(sentence.contains("some.json") && sentence.contains("key vocab"))
  }

  @Test func hugeFilesHaveNoLimitThatOverflows() throws {
    try ReadingBudget(path: "some.h5", byteCount: .max).charge(1 << 60, for: "the weights")
  }
}
