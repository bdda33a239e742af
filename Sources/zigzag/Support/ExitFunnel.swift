import ArgumentParser
import Foundation
import ModelLoader
import Support

/// The one place where an error becomes a message and an exit code (those of sysexits.h).
enum ExitFunnel {
  /// Ends the process with what `error` means; help and version requests end it with 0.
  static func exit(with error: any Error) -> Never {
    switch error {
    case let error as ToolError: leave(error.exitCode, saying: error.description)
    case let error as any ZigzagError: leave(code(of: error.category), saying: error.description)
    case is CleanExit, is ExitCode:
      Job.end()
      Zigzag.exit(withError: error)
    case is ValidationError: leave(refusing: error)
    default:
      // The parser's own errors have codes of their own; plain failure is what it gives to errors it
      // does not know, which none of the libraries should throw.
      let code = Zigzag.exitCode(for: error)
      if code == .success {
        Job.end()
        Zigzag.exit(withError: error)
      }
      guard code == .failure else { leave(refusing: error) }
      leave(
        70, saying: "internal error: \(error); please report it with the command that caused it")
    }
  }

  /// The exit code of a category of errors.
  static func code(of category: ErrorCategory) -> Int32 {
    switch category {
    case .usage: 64
    case .badData: 65
    case .missingInput: 66
    case .cannotWrite: 73
    case .interrupted: 75
    }
  }

  private static func leave(_ code: Int32, saying message: String) -> Never {
    let ends = message.last.map { ".!?".contains($0) } ?? false
    Console.shared.say("zigzag: \(shortened(ends ? message : message + "."))")
    // Other ranks may take a moment.
    Job.end()
    Foundation.exit(code)
  }

  /// The parser's own message with its usage lines; what it repeats of the command line may be long.
  private static func leave(refusing error: any Error) -> Never {
    let lines = Zigzag.fullMessage(for: error).split(
      separator: "\n", omittingEmptySubsequences: false)
    for line in lines { Console.shared.say(shortened(String(line), to: 600)) }
    Job.end()
    Foundation.exit(Zigzag.exitCode(for: error).rawValue)
  }

  /// A message on one line, with what is too long for a person left out of its middle.
  private static func shortened(_ message: String, to limit: Int = 1000) -> String {
    let line = message.shown(limit: .max)
    let scalars = line.unicodeScalars
    guard scalars.count > limit else { return line }
    return String(scalars.prefix(limit / 2)) + " … " + String(scalars.suffix(limit / 2))
  }
}

/// What can go wrong in the tool itself, outside the libraries.
enum ToolError: Error, CustomStringConvertible {
  /// Standard output is full or closed (74).
  case cannotPrint(reason: String)
  /// Options contradict each other or the files they name (64).
  case usage(String)
  /// A file does not hold what it should (65).
  case badData(String)
  /// Something that is needed is not there (66).
  case missing(String)
  /// The system gives less than any work needs (75).
  case limit(String)

  var exitCode: Int32 {
    switch self {
    case .cannotPrint: 74
    case .usage: 64
    case .badData: 65
    case .missing: 66
    case .limit: 75
    }
  }

  var description: String {
    switch self {
    case .cannotPrint(let reason): "cannot write the result to standard output: \(reason)"
    case .usage(let message), .badData(let message), .missing(let message), .limit(let message):
      message
    }
  }
}
