import ArgumentParser
import Logging
import ModelLoader
import Support
import Transformer

/// `zigzag import`: a published model to a model file.
struct ImportVerb: Verb {
  static let configuration = CommandConfiguration(
    commandName: "import",
    abstract: "Turn a Hugging Face folder or a GGUF file into a model file.",
    discussion: """
      SOURCE is a folder with config.json, tokenizer.json and one or many .safetensors, or a .gguf \
      file. Quantized weights are widened; tensors pass through memory one at a time; the model file \
      appears under its name only when it is complete.

        zigzag import ~/models/Qwen2.5-0.5B-Instruct models/qwen2.5-0.5b.h5
        zigzag import SmolLM2-135M-Instruct.Q4_1.gguf models/smollm2.h5 --type bfloat16

      Warnings on standard error name what the import decided, left out or did not understand. What \
      would change the model's results is refused.
      """)

  @Argument(help: "A Hugging Face folder, or a .gguf file.")
  var source: String

  @Argument(help: "The model file to write (HDF5).")
  var destination: String

  @Option(
    help: """
      How to store matrices: \(ElementType.allCases.map(\.rawValue).joined(separator: ", ")). \
      Without it: 16-bit types stay, all others become float32.
      """)
  var type: ElementType?

  @Flag(help: "Print what was imported, and the warnings, as JSON.")
  var json = false

  @OptionGroup(title: "Output") var output: OutputOptions

  func perform() throws {
    try OutputPath.require(destination, otherThan: Importer.files(of: source))
    let importer = Importer(elementType: type)
    Interruption.letStepsEnd()
    let progress = ProgressMeter("import", unit: "M values", total: 0)
    let summary = try importer.run(source: source, destination: destination) { state in
      progress.update(
        state.completed / 1_000_000, of: state.total / 1_000_000, note: state.tensor)
      return !Interruption.isRequested
    }
    let logger = Logger(label: "import")
    for warning in summary.warnings { logger.warning("\(source): \(warning)") }
    if !summary.hasTokenizer {
      logger.warning(
        "\(source) has no tokenizer, so \(destination) can be run but not calibrated")
    }
    if json { return try Results.print(json: ImportFacts(summary, destination)) }
    let model = summary.configuration
    try Results.print(
      "\(destination): \(model.modelType), \(model.layers) layers, \(summary.parameterCount) "
        + "parameters, sha256 \(summary.sha256)")
  }
}

/// What `import --json` prints.
private struct ImportFacts: Encodable {
  let file: String
  let modelType: String
  let layers: Int
  let parameters: Int
  let context: Int
  let sha256: String
  let hasTokenizer: Bool
  let warnings: [String]

  init(_ summary: ImportSummary, _ destination: String) {
    let model = summary.configuration
    file = destination
    modelType = model.modelType
    layers = model.layers
    parameters = summary.parameterCount
    context = model.maxPositions
    sha256 = summary.sha256
    hasTokenizer = summary.hasTokenizer
    warnings = summary.warnings
  }

  enum CodingKeys: String, CodingKey {
    case file, parameters, sha256, warnings
    case modelType = "model_type"
    case layers = "num_hidden_layers"
    case context = "max_position_embeddings"
    case hasTokenizer = "has_tokenizer"
  }
}

extension ElementType: ExpressibleByArgument {}
