import ArgumentParser
import Foundation
import ModelLoader

/// The one place where an error becomes a message and an exit code (those of sysexits.h).
enum ExitFunnel {
  /// Ends the process with what `error` means; help and version requests end it with 0.
  static func exit(with error: any Error) -> Never {
    switch error {
    case let error as ToolError: leave(error.exitCode, saying: error.description)
    case let error as any ZigzagError: leave(code(of: error.category), saying: error.description)
    case is CleanExit, is ExitCode, is ValidationError: Zigzag.exit(withError: error)
    default:
      // The parser's own errors have codes of their own; plain failure is what it gives to errors it
      // does not know, which none of the libraries should throw.
      guard Zigzag.exitCode(for: error) == .failure else { Zigzag.exit(withError: error) }
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
    let sentence = message.hasSuffix(".") ? message : message + "."
    Console.shared.say("zigzag: \(sentence)")
    Foundation.exit(code)
  }
}
