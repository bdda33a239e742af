import ArgumentParser
import Logging
import ModelLoader
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
      """)

  @Argument(help: "A Hugging Face folder, or a .gguf file.")
  var source: String

  @Argument(help: "The model file to write (HDF5).")
  var destination: String

  @Option(
    help: """
      How to store matrices: \(ElementType.allCases.map(\.rawValue).joined(separator: ", ")). \
      Without it 16-bit types stay and all others become float32.
      """)
  var type: ElementType?

  @OptionGroup(title: "Output") var output: OutputOptions

  func perform() throws {
    let importer = Importer(elementType: type) { try TokenizerJSON.fromGGUF($0) }
    let progress = ProgressMeter("import", unit: "M values", total: 0)
    let summary = try importer.run(source: source, destination: destination) { state in
      progress.update(
        state.completed / 1_000_000, of: state.total / 1_000_000, note: state.tensor)
      return !Interruption.isRequested
    }
    if !summary.hasTokenizer {
      Logger(label: "import").warning(
        "\(source) has no tokenizer, so \(destination) can be run but not calibrated")
    }
    let model = summary.configuration
    try Results.print(
      "\(destination): \(model.modelType), \(model.layers) layers, \(summary.parameterCount) "
        + "parameters, sha256 \(summary.sha256)")
  }
}

extension ElementType: ExpressibleByArgument {}
