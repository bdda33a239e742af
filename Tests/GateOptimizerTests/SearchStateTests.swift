import Foundation
import GateOptimizer
import ModelLoader
import Support
import Testing

/// States of a search that a file may hold: those that cannot be gone on from are no states.
@Suite struct SearchStateTests {
  /// A search of four units on two samples that is half way.
  private func halfWay(_ settings: SearchSettings = .init()) throws -> SearchState {
    var state = SearchState(count: 4, samples: 2)
    try MapSearch(judge: MissedUnits(), settings: settings).run(&state) { $0.removed < 2 }
    return state
  }

  private func text(_ state: SearchState) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    return String(decoding: try encoder.encode(state), as: UTF8.self)
  }

  private func isSearch(_ text: String) throws -> Bool {
    try JSONReader.read(text.utf8).decode(SearchState.self).isSearch(of: 4, samples: 2)
  }

  @Test func aStateGoesOn() throws {
    let state = try halfWay()
    #expect(state.isSearch(of: 4, samples: 2))
    #expect(try isSearch(text(state)))
    #expect(SearchState(count: 4, samples: 2).isSearch(of: 4, samples: 2))
    #expect(!state.isSearch(of: 4, samples: 3) && !state.isSearch(of: 5, samples: 2))
    var again = try JSONReader.read(text(state).utf8).decode(SearchState.self)
    try MapSearch(judge: MissedUnits(), settings: SearchSettings()).run(&again) { _ in true }
    var whole = SearchState(count: 4, samples: 2)
    try MapSearch(judge: MissedUnits(), settings: SearchSettings()).run(&whole) { _ in true }
    #expect(again == whole)
  }

  /// Damage that leaves the shape alone: each would end in a trap, or in a search of nothing.
  @Test func whatTheSearchRestsOnIsThere() throws {
    let sound = try text(halfWay())
    let losses = try #require(sound.range(of: #""losses":\{[^}]*\}"#, options: .regularExpression))
    #expect(try !isSearch(sound.replacingCharacters(in: losses, with: "\"losses\":{}")))
    // Each set in turn is forgotten, or was measured on a sample only: the branch or a size goes missing.
    let sets = sound[losses].matches(of: #/"[01]{4}":\[[^\]]*\]/#).map { String($0.0) }
    #expect(sets.count > 4)
    var refused = 0
    for set in sets {
      let cut = String(set.prefix(while: { $0 != "," }).prefix { $0 != "]" }) + "]"
      for other in [cut, set.prefix(7) + "[1e308,1e308]", set.prefix(7) + "[1,-1e200]"] {
        let text = sound.replacing(set, with: other)
        guard text != sound else { continue }
        if try !isSearch(text) {
          refused += 1
          continue
        }
        // What passes can be gone on from.
        var state = try JSONReader.read(text.utf8).decode(SearchState.self)
        try MapSearch(judge: MissedUnits(), settings: SearchSettings()).run(&state) { _ in true }
        #expect((0...4).allSatisfy { state.best(streaming: $0) != nil })
      }
    }
    #expect(refused >= 2 * sets.count)
  }

  @Test(arguments: [
    #"{"branches":[{"estimates":[0,0,0,0],"kept":[false,false,false,false]}],"losses":{},"removed":4,"samples":2}"#,
    #"{"branches":[{"estimates":[1e308,0,0,0],"kept":[false,true,true,true]}],"losses":{"1111":[0,0],"0111":[1,1]},"removed":1,"samples":2}"#,
    #"{"branches":[],"losses":{},"removed":0,"samples":2}"#,
    #"{"branches":[{"estimates":[0,0,0,0],"kept":[true,true,true,true]}],"losses":{"1111":[]},"removed":0,"samples":2}"#,
    #"{"branches":[{"estimates":[0,0,0,0],"kept":[false,true,true,true]}],"losses":{"0111":[1,1]},"removed":1,"samples":2}"#,
    #"{"branches":[{"estimates":[0,0,0,0],"kept":[true,true,true,true]}],"losses":{},"removed":-1,"samples":2}"#,
  ])
  func statesThatAreNone(text: String) throws {
    #expect(try !isSearch(text))
  }

  /// The same bound holds for what a judge says.
  @Test func lossesBeyondAllSumsAreRefused() throws {
    var state = SearchState(count: 4, samples: 2)
    #expect(throws: GateOptimizerError.mapLoss(sample: 0)) {
      try MapSearch(judge: MissedUnits(scale: 1e308), settings: SearchSettings()).run(&state) { _ in
        true
      }
    }
  }
}

/// Sets lose what they miss.
private struct MissedUnits: SetJudge {
  var scale = 1.0
  let samples = 2
  func rebase(_ kept: [Bool]) {}
  func loss(of kept: [Bool], sample: Int) -> Double {
    kept.enumerated().reduce(0.5 * scale) {
      $0 + ($1.element ? 0 : scale * Double($1.offset + sample))
    }
  }
}
