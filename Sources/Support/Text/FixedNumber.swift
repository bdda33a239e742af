import Foundation

/// A number with `digits` decimals and a point, whatever the locale; never "-0".
package func fixed(_ value: Double, _ digits: Int) -> String {
  let text = String(format: "%.\(digits)f", value)
  return text.hasPrefix("-") && !text.contains(where: { "123456789".contains($0) })
    ? String(text.dropFirst()) : text
}

/// A share as "84 %" or "84.3 %", with a space that does not break.
package func percent(_ share: Double, digits: Int = 0) -> String {
  fixed(share * 100, digits) + "\u{a0}%"
}

/// A whole number with thin groups of three: 1,024.
package func grouped(_ value: Int) -> String {
  let digits = String(value.magnitude)
  let head = digits.count % 3
  var groups = head > 0 ? [String(digits.prefix(head))] : []
  var rest = digits.dropFirst(head)
  while !rest.isEmpty {
    groups.append(String(rest.prefix(3)))
    rest = rest.dropFirst(3)
  }
  return (value < 0 ? "-" : "") + groups.joined(separator: ",")
}

/// A duration as m:ss or h:mm:ss.
package func clock(_ seconds: Double) -> String {
  let whole = Int(min(max(seconds, 0), 360_000_000).rounded())
  let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60)
  let tail = rest < 10 ? "0\(rest)" : "\(rest)"
  guard hours > 0 else { return "\(minutes):\(tail)" }
  return "\(hours):\(minutes < 10 ? "0" : "")\(minutes):\(tail)"
}
