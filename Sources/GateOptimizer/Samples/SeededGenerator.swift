/// SplitMix64 (Steele, Lea and Flood 2014): the same numbers for a seed on every platform.
///
/// A generator is a function of (seed, index, stream), so that sample i is made without making the
/// i − 1 before it. It does not conform to `RandomNumberGenerator`: the standard library's `random(in:)`
/// and `shuffle` may change between releases, and what is drawn here must not.
package struct SeededGenerator: Sendable {
  /// What numbers are drawn for; streams of one seed are independent of each other.
  package enum Stream: UInt64, Sendable {
    /// Samples that gates are learned on.
    case calibration = 1
    /// Samples that maps are judged on.
    case evaluation = 2
    /// Random head-mixed baselines.
    case randomHeads = 3
    /// Random layer baselines.
    case randomLayers = 4
    /// Bootstrap replicates.
    case resampling = 5
    /// What is measured on where its values do not matter.
    case benchmark = 6
    /// Passages of running text.
    case prose = 7
    /// Samples that maps are searched on.
    case search = 8
    /// Tokens of generated texts.
    case generation = 9
    /// Questions on documents that heads are scored on.
    case scores = 10
    /// Tokens that are kept of a prompt at random.
    case compression = 11
  }

  private static let increment: UInt64 = 0x9E37_79B9_7F4A_7C15
  private var state: UInt64

  /// The generator of item `index` of `stream` under `seed`.
  package init(seed: UInt64, index: UInt64 = 0, stream: Stream) {
    // Item i starts at output i of the generator that seed and stream give.
    let seeded = Self.mixed(seed &+ Self.increment &* stream.rawValue)
    state = Self.mixed(seeded &+ Self.increment &* (index &+ 1))
  }

  /// The next 64 random bits.
  package mutating func next() -> UInt64 {
    state &+= Self.increment
    return Self.mixed(state)
  }

  /// A whole number in 0..<`bound`, each equally likely (Lemire's multiplication with rejection).
  package mutating func below(_ bound: Int) -> Int {
    precondition(bound > 0, "a number below \(bound)")
    let bound = UInt64(bound)
    var product = next().multipliedFullWidth(by: bound)
    if product.low < bound {
      let threshold = (0 &- bound) % bound
      while product.low < threshold {
        product = next().multipliedFullWidth(by: bound)
      }
    }
    return Int(product.high)
  }

  /// A number in [0, 1) of 53 random bits.
  package mutating func unit() -> Double {
    Double(next() >> 11) * 0x1p-53
  }

  /// One of `choices`, each equally likely.
  package mutating func pick<Element>(_ choices: [Element]) -> Element {
    choices[below(choices.count)]
  }

  /// `count` of the numbers 0..<`total` without repetition, every set equally likely, ascending.
  package mutating func choose(_ count: Int, of total: Int) -> [Int] {
    precondition((0...total).contains(count), "\(count) of \(total)")
    var pool = Array(0..<total)
    for drawn in 0..<count {
      pool.swapAt(drawn, drawn + below(total - drawn))
    }
    return pool.prefix(count).sorted()
  }

  private static func mixed(_ value: UInt64) -> UInt64 {
    var z = value
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
