import Foundation
import ModelLoader
import Support
import Testing

/// JSON as it is written for people.
@Suite struct JSONLayoutTests {
  private func laidOut(_ text: String) throws -> String {
    try JSONReader.read(Array(text.utf8)).laidOut
  }

  @Test func listsOfNumbersStayOnOneLine() throws {
    #expect(
      try laidOut(#"{"a":[[1,0.5],[true,null]],"b":["x"],"c":[],"d":{},"e":[{"f":1}]}"#) == """
        {
          "a": [
            [1, 0.5],
            [true, null]
          ],
          "b": [
            "x"
          ],
          "c": [],
          "d": {},
          "e": [
            {
              "f": 1
            }
          ]
        }
        """)
  }

  /// What a text holds is never taken for layout.
  @Test(arguments: [#"a \" : \" b"#, "ends with [", "]", "{}", #"a\u000ab"#, "é"])
  func textsStayWhatTheyAre(text: String) throws {
    let document = "{\"key : \(text)\":[1,2],\"value\":\"\(text)\"}"
    let again = try JSONReader.read(Array(try laidOut(document).utf8))
    #expect(try again.serialized() == JSONReader.read(Array(document.utf8)).serialized())
    #expect(try laidOut(document).contains("\"key : \(text)\": [1, 2],\n"))
  }

  @Test(arguments: [
    "1e-05", "1e+16", "0.1", "-3", "18446744073709551615", "1.7976931348623157e+308",
  ])
  func numbersKeepTheirText(number: String) throws {
    #expect(try laidOut("[\(number)]") == "[\(number)]")
  }
}
