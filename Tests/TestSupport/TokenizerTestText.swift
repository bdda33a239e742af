/// Text that is hard on tokenizers, the same on every machine and in `make_fixtures.py`.
package enum TokenizerTestText {
  /// A mixture of `strings`, random characters, numbers and spaces, chosen by SplitMix64.
  package static func mixed(_ strings: [String], seed: UInt64, pieces: Int) -> String {
    var state = seed
    func random(_ bound: Int) -> Int {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return Int((z ^ (z >> 31)) % UInt64(bound))
    }
    let planes = [0x80, 0x800, 0x3000, 0xD800, 0x20000, 0x110000]
    var text = String.UnicodeScalarView()
    for _ in 0..<pieces {
      let kind = random(8)
      switch kind {
      case 0:
        text.append(Unicode.Scalar(UInt32(random(planes[random(6)]))) ?? "?")
      case 1:
        let bound = (0...random(9)).reduce(1) { power, _ in power * 10 }
        text.append(contentsOf: String(random(bound)).unicodeScalars)
      case 2:
        text.append(contentsOf: repeatElement(" ", count: 1 + random(6)))
      default:
        text.append(contentsOf: strings[random(strings.count)].unicodeScalars)
        if kind < 6 { text.append(" ") }
      }
    }
    return String(text)
  }

  /// 64-bit FNV-1a as 16 hexadecimal digits.
  package static func hash(_ bytes: some Sequence<UInt8>) -> String {
    let value = bytes.reduce(0xCBF2_9CE4_8422_2325 as UInt64) {
      ($0 ^ UInt64($1)) &* 0x100_0000_01B3
    }
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
