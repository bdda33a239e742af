import Foundation
import ModelLoader
import TestSupport
import Testing

/// Files that are read without complaint and yet do not fit: said in words, and before hours are spent.
@Suite struct WellFormedTests {
  private let scratch: TemporaryFolder

  init() throws {
    scratch = try TemporaryFolder()
    try scratch.write(TinyRun.configuration(steps: 6, checkpointEvery: 2), to: "run.yaml")
  }

  @Test func aTokenizerWithMoreTokensThanEmbeddings() throws {
    var configuration = TinyModel.configuration
    configuration.vocabulary = 200
    try TinyModel.write(configuration, to: scratch.path("tiny.h5"))
    expectRefusal(
      try scratch.zigzag("run", "run.yaml", "-q"), code: 65, saying: "tiny.h5",
      "the tokenizer has 256 tokens, but the model's vocab_size is 200")
    expectRefusal(
      try scratch.zigzag("samples", "run.yaml"), code: 65, saying: "the tokenizer has 256 tokens")
  }

  @Test func aLossThatIsNotANumber() throws {
    // Every weight is finite, but their products are not.
    try TinyModel.write(to: scratch.path("tiny.h5"), scale: 1e25)
    expectRefusal(
      try scratch.zigzag("calibrate", "run.yaml", "-q", "--set", "seed=41"), code: 65,
      saying: "step 1",
      "sample 0")
    #expect(!scratch.holds("runs/tiny/gates.tsv"))
  }

  @Test func anOutputThatIsNotANumber() throws {
    try TinyModel.write(to: scratch.path("tiny.h5"), scale: 1e25)
    try NumpyFile.write([Int32(1), 2, 3], shape: [3], to: scratch.path("ids.npy"))
    let forward = ["forward", "tiny.h5", "--tokens", "ids.npy", "--out", "h.npy"]
    for more in [[], ["--logits"], ["--streaming", "1,1"]] {
      expectRefusal(
        try ToolRunner.run(forward + more, in: scratch.path), code: 65, saying: "tiny.h5 makes NaN",
        "of token")
      #expect(!scratch.holds("h.npy"))
    }
  }

  /// Of one weight that is no number, most outputs show nothing: here no token reads its row.
  @Test(arguments: [Float.nan, .infinity, -.infinity])
  func aWeightThatIsNotANumber(value: Float) throws {
    try TinyModel.write(to: scratch.path("tiny.h5"))
    var bytes = try Data(contentsOf: URL(fileURLWithPath: scratch.path("tiny.h5")))
    let offset = try #require(
      ModelFile.inspect(path: scratch.path("tiny.h5")).tensors.first?.byteOffset)
    let row = offset + 200 * 16 * 4
    for place in 0..<4 {
      bytes[row + place] = UInt8(truncatingIfNeeded: value.bitPattern >> (8 * UInt32(place)))
    }
    try bytes.write(to: URL(fileURLWithPath: scratch.path("tiny.h5")))
    try NumpyFile.write([Int32(1), 2, 3], shape: [3], to: scratch.path("ids.npy"))
    for arguments in [
      ["forward", "tiny.h5", "--tokens", "ids.npy", "--out", "h.npy"], ["run", "run.yaml", "-q"],
      ["inspect", "tiny.h5", "--check", "-q"],
    ] {
      expectRefusal(
        try ToolRunner.run(arguments, in: scratch.path), code: 65,
        saying: "tiny.h5", "/weights/model.embed_tokens.weight", "1 that are NaN or infinite")
    }
  }

  @Test(arguments: [1e-300, Double.leastNonzeroMagnitude])
  func aRotaryTableThatIsNotANumber(theta: Double) throws {
    try TinyModel.write(to: scratch.path("tiny.h5"))
    do {
      let file = try HDF5Node(opening: scratch.path("tiny.h5"))
      try file.child("config")?.setAttribute("rope_theta", .real(theta))
    }
    try NumpyFile.write([Int32(1), 2, 3], shape: [3], to: scratch.path("ids.npy"))
    for arguments in [
      ["forward", "tiny.h5", "--tokens", "ids.npy", "--out", "h.npy"], ["run", "run.yaml", "-q"],
      ["inspect", "tiny.h5"], ["bench", "tiny.h5"],
    ] {
      expectRefusal(
        try ToolRunner.run(arguments, in: scratch.path), code: 65, saying: "tiny.h5", "rope_theta",
        "finite angles")
    }
  }

  @Test func aMapOfAnotherModel() throws {
    try TinyModel.write(to: scratch.path("tiny.h5"))
    try TinyModel.write(TinyModel.wide, to: scratch.path("wide.h5"))
    #expect(try scratch.zigzag("run", "run.yaml", "-q").code == 0)
    let map = "runs/tiny/maps/max-0.5.headmap.json"
    try NumpyFile.write([Int32(1), 2, 3], shape: [3], to: scratch.path("ids.npy"))
    let words = "is for 2 layers × 2 key-value heads, but wide.h5 has 3 × 3"
    expectRefusal(
      try scratch.zigzag(
        "forward", "wide.h5", "--tokens", "ids.npy", "--map", map, "--out", "h.npy"),
      code: 65, saying: "max-0.5.headmap.json", words)
    expectRefusal(
      try scratch.zigzag("export", map, "--model", "wide.h5"), code: 65, saying: "headmap.json",
      words)
    expectRefusal(
      try scratch.zigzag("rank", "runs/tiny", "-s", "0.5", "--model", "wide.h5"), code: 65,
      saying: "gates of 2 layers × 2 key-value heads, but wide.h5 has 3 × 3")
    // Other weights of the same shape: a warning where comparing them is the use.
    try TinyModel.write(to: scratch.path("other.h5"), seed: 8)
    let relative = try scratch.zigzag(
      "forward", "other.h5", "--tokens", "ids.npy", "--map", map, "--out", "h.npy")
    #expect(relative.code == 0)
    #expect(
      relative.errors.contains("warning: ") && relative.errors.contains("was made for weights"))
  }

  @Test func noTokensAtAll() throws {
    try TinyModel.write(to: scratch.path("tiny.h5"))
    try NumpyFile.write([Int32](), shape: [0], to: scratch.path("ids.npy"))
    expectRefusal(
      try scratch.zigzag("forward", "tiny.h5", "--tokens", "ids.npy", "--out", "h.npy"), code: 65,
      saying: "ids.npy", "expected one row of token ids, found [0]")
  }

  @Test(arguments: [
    ("0.5\t1\n0.25\t2.5\n", "line 2, column 2", "2.5"), ("0.5\tnan\n", "line 1, column 2", "nan"),
    ("0.5\t1\n0.5\n", "line 2", "found 1"), ("", "at least one line", "empty"),
  ])
  func gatesThatAreNone(table: String, place: String, found: String) throws {
    try scratch.write(table, to: "gates.tsv")
    expectRefusal(
      try scratch.zigzag("rank", "gates.tsv", "-s", "0.5"), code: 65, saying: "gates.tsv", place,
      found)
  }

  @Test func aKeyThatIsThereTwice() throws {
    try TinyModel.write(to: scratch.path("tiny.h5"))
    try scratch.write("name: tiny\nmodel: tiny.h5\nseed: 1\nseed: 2\n", to: "twice.yaml")
    expectRefusal(
      try scratch.zigzag("run", "twice.yaml"), code: 65, saying: "twice.yaml:",
      "seed is there twice")
  }
}
