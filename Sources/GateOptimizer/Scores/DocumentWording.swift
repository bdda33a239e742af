import ModelLoader

/// How a question on documents is put to a model.
///
/// The prompt is `prefix`, `header`, for each document `separator` and "[number] title\ntext" with numbers from 1, then
/// `separator`, `instruction`, `separator`, `question` and a blank with the query, and `suffix`. The query's rows are all
/// from the instruction on, as QRHead has them (arXiv 2506.09944, princeton-pli/QRHead).
public struct DocumentWording: SettingSection {
  /// The form of chats, whose parts stand in for those that are not given.
  public var form = Form.plain
  /// What the prompt begins with; the form's if nil.
  public var prefix: String?
  /// What tells that documents follow.
  public var header = " Here are some paragraphs:"
  /// What stands before each document, the instruction and the question; the form's if nil.
  public var separator: String?
  /// What asks for what is relevant.
  public var instruction =
    "Please find information that are relevant to the following query in the paragraphs above."
  /// What stands before the query.
  public var question = "Query:"
  /// What the prompt ends with; the form's if nil.
  public var suffix: String?
  /// The query that asks nothing.
  public var null = "N/A"

  /// A form of chats as QRHead spells it.
  public enum Form: String, SettingChoice {
    /// No form.
    case plain
    /// Llama 3's.
    case llama3
    /// Qwen's and SmolLM's.
    case qwen

    var prefix: String {
      switch self {
      case .plain: ""
      case .llama3: "<|start_header_id|>user<|end_header_id|>"
      case .qwen: "<|im_start|>user"
      }
    }

    var separator: String { self == .llama3 ? " \n\n" : "\n\n" }

    var suffix: String {
      switch self {
      case .plain: ""
      case .llama3: "<|eot_id|><|start_header_id|>assistant<|end_header_id|>"
      case .qwen: "<|im_end|>\n<|im_start|>assistant"
      }
    }

    /// The same form as a chat has it, whose tokens a tokenizer must have.
    package var chat: ChatForm {
      switch self {
      case .plain: .plain
      case .llama3: .llama3
      case .qwen: .chatML
      }
    }
  }

  /// QRHead's wording without a form.
  public init() {}

  /// QRHead's wording in a form.
  public init(_ form: Form) { self.form = form }

  /// The names of the settings in a file.
  public enum CodingKeys: String, SettingKey {
    case form, prefix, header, separator, instruction, question, suffix, null
  }

  /// Every setting, with what is refused.
  public static var settings: [Setting<Self, CodingKeys>] {
    [
      Setting(.form, \.form),
      Setting(.prefix, optional: \.prefix),
      Setting(.header, \.header),
      Setting(.separator, optional: \.separator),
      Setting(.instruction, \.instruction, check: requireLetters),
      Setting(.question, \.question),
      Setting(.suffix, optional: \.suffix),
      Setting(.null, \.null, check: requireLetters),
    ]
  }

  private static func requireLetters(
    _ text: String, _ key: CodingKeys
  ) throws(InvalidSetting) {
    try requireSetting(
      text.contains { !$0.isWhitespace }, key, "is empty; give a text, or leave it out")
  }

  var parted: String { separator ?? form.separator }

  /// A document as it stands in the prompt.
  func text(_ document: DocumentSample.Document, number: Int) -> String {
    "[\(number)] " + (document.title.map { $0 + "\n" } ?? "") + document.text
  }

  /// What stands before the documents.
  var opening: String { (prefix ?? form.prefix) + header }

  /// All from the instruction on.
  func asking(_ query: String) -> String {
    "\(instruction)\(parted)\(question) \(query)\(ending)"
  }

  /// What a prompt ends with.
  var ending: String { suffix ?? form.suffix }
}
