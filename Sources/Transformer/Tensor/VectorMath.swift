import CVectorMath

/// The vector loops of CVectorMath over spans; lengths are checked here, once per row.
enum VectorMath {
  /// One tile of a running softmax over the visible scores of a row; see `zz_softmax_tile`.
  @inline(__always)
  static func softmaxTile(
    _ scores: inout MutableSpan<Float>, visible: Range<Int>, max: inout Float, sum: inout Float
  ) -> Float {
    let count = scores.count
    precondition(visible.lowerBound >= 0 && visible.upperBound <= count)
    return unsafe scores.withUnsafeMutableBufferPointer { row in
      unsafe zz_softmax_tile(
        row.baseAddress, count, visible.lowerBound, visible.upperBound, &max, &sum)
    }
  }

  /// Softmax weights of a row whose log-sum-exp is known; invisible scores become 0.
  @inline(__always)
  static func softmax(
    _ scores: inout MutableSpan<Float>, visible: Range<Int>, logSumExp: Float
  ) {
    let count = scores.count
    precondition(visible.lowerBound >= 0 && visible.upperBound <= count)
    unsafe scores.withUnsafeMutableBufferPointer { row in
      unsafe zz_softmax_from_log(
        row.baseAddress, count, visible.lowerBound, visible.upperBound, logSumExp)
    }
  }

  /// dS = P ∘ (dP − Δ), written over dP.
  @inline(__always)
  static func softmaxBackward(
    _ weights: Span<Float>, _ gradient: inout MutableSpan<Float>, delta: Float
  ) {
    let count = gradient.count
    precondition(weights.count == count)
    unsafe gradient.withUnsafeMutableBufferPointer { dp in
      unsafe weights.withUnsafeBufferPointer { p in
        unsafe zz_softmax_backward(p.baseAddress, dp.baseAddress, count, delta)
      }
    }
  }

  /// x ← a·x.
  @inline(__always)
  static func scale(_ x: inout MutableSpan<Float>, by a: Float) {
    let count = x.count
    unsafe x.withUnsafeMutableBufferPointer { unsafe zz_scale($0.baseAddress, count, a) }
  }

  /// y ← a·x.
  @inline(__always)
  static func scale(_ x: Span<Float>, by a: Float, into y: inout MutableSpan<Float>) {
    let count = x.count
    precondition(y.count == count)
    unsafe y.withUnsafeMutableBufferPointer { y in
      unsafe x.withUnsafeBufferPointer { x in
        unsafe zz_scale_into(x.baseAddress, y.baseAddress, count, a)
      }
    }
  }

  /// y ← y + a·x.
  @inline(__always)
  static func add(_ x: Span<Float>, times a: Float = 1, to y: inout MutableSpan<Float>) {
    let count = x.count
    precondition(y.count == count)
    unsafe y.withUnsafeMutableBufferPointer { y in
      unsafe x.withUnsafeBufferPointer { x in
        unsafe zz_add_scaled(x.baseAddress, y.baseAddress, count, a)
      }
    }
  }

  /// y ← the larger of x and y.
  @inline(__always)
  static func keepLarger(_ x: Span<Float>, in y: inout MutableSpan<Float>) {
    let count = x.count
    precondition(y.count == count)
    unsafe y.withUnsafeMutableBufferPointer { y in
      unsafe x.withUnsafeBufferPointer { x in
        unsafe zz_keep_larger(x.baseAddress, y.baseAddress, count)
      }
    }
  }

  /// z ← a·x + b·y.
  @inline(__always)
  static func blend(
    _ x: Span<Float>, _ a: Float, _ y: Span<Float>, _ b: Float, into z: inout MutableSpan<Float>
  ) {
    let count = z.count
    precondition(x.count == count && y.count == count)
    unsafe z.withUnsafeMutableBufferPointer { z in
      unsafe x.withUnsafeBufferPointer { x in
        unsafe y.withUnsafeBufferPointer { y in
          unsafe zz_blend(x.baseAddress, y.baseAddress, z.baseAddress, count, a, b)
        }
      }
    }
  }

  /// Σ x·y.
  @inline(__always)
  static func dot(_ x: Span<Float>, _ y: Span<Float>) -> Float {
    let count = x.count
    precondition(y.count == count)
    return unsafe x.withUnsafeBufferPointer { x in
      unsafe y.withUnsafeBufferPointer { y in unsafe zz_dot(x.baseAddress, y.baseAddress, count) }
    }
  }

  /// Σ x·(y − z).
  @inline(__always)
  static func dot(_ x: Span<Float>, _ y: Span<Float>, minus z: Span<Float>) -> Float {
    let count = x.count
    precondition(y.count == count && z.count == count)
    return unsafe x.withUnsafeBufferPointer { x in
      unsafe y.withUnsafeBufferPointer { y in
        unsafe z.withUnsafeBufferPointer { z in
          unsafe zz_dot_difference(x.baseAddress, y.baseAddress, z.baseAddress, count)
        }
      }
    }
  }

  /// Rotates the pairs (x[i], x[i + n/2]) of n features, or the neighbours (x[2i], x[2i + 1]); `sign` −1 turns
  /// back.
  @inline(__always)
  static func rotate(
    _ x: inout MutableSpan<Float>, cosine: Span<Float>, sine: Span<Float>, sign: Float,
    neighbours: Bool
  ) {
    let half = cosine.count
    precondition(x.count == 2 * half && sine.count == half)
    unsafe x.withUnsafeMutableBufferPointer { x in
      unsafe cosine.withUnsafeBufferPointer { c in
        unsafe sine.withUnsafeBufferPointer { s in
          if neighbours {
            unsafe zz_rotate_neighbours(x.baseAddress, c.baseAddress, s.baseAddress, half, sign)
          } else {
            unsafe zz_rotate(x.baseAddress, c.baseAddress, s.baseAddress, half, sign)
          }
        }
      }
    }
  }

  /// y ← x · w / rms(x).
  @inline(__always)
  static func rmsNorm(
    _ x: Span<Float>, weight: Span<Float>, epsilon: Float, into y: inout MutableSpan<Float>
  ) {
    let count = x.count
    precondition(weight.count == count && y.count == count)
    let rstd = inverseRMS(x, epsilon: epsilon)
    unsafe y.withUnsafeMutableBufferPointer { y in
      unsafe x.withUnsafeBufferPointer { x in
        unsafe weight.withUnsafeBufferPointer { w in
          unsafe zz_scale_by(x.baseAddress, w.baseAddress, y.baseAddress, count, rstd)
        }
      }
    }
  }

  /// 1/√(mean x² + ε).
  @inline(__always)
  static func inverseRMS(_ x: Span<Float>, epsilon: Float) -> Float {
    1 / (dot(x, x) / Float(x.count) + epsilon).squareRoot()
  }

  /// dx ← dx + the gradient of ``rmsNorm(_:weight:epsilon:into:)`` for dy.
  @inline(__always)
  static func rmsNormBackward(
    _ dy: Span<Float>, x: Span<Float>, weight: Span<Float>, epsilon: Float,
    addingTo dx: inout MutableSpan<Float>
  ) {
    let count = x.count
    precondition(dy.count == count && weight.count == count && dx.count == count)
    let rstd = inverseRMS(x, epsilon: epsilon)
    unsafe dx.withUnsafeMutableBufferPointer { dx in
      unsafe dy.withUnsafeBufferPointer { dy in
        unsafe x.withUnsafeBufferPointer { x in
          unsafe weight.withUnsafeBufferPointer { w in
            let inner = unsafe zz_dot3(dy.baseAddress, w.baseAddress, x.baseAddress, count)
            unsafe zz_rms_norm_backward(
              dy.baseAddress, w.baseAddress, x.baseAddress, dx.baseAddress, count, rstd,
              inner * rstd * rstd * rstd / Float(count))
          }
        }
      }
    }
  }

  /// y ← activation(gate) · up.
  @inline(__always)
  static func gated(
    _ activation: Activation, gate: Span<Float>, up: Span<Float>, into y: inout MutableSpan<Float>
  ) {
    let count = y.count
    precondition(gate.count == count && up.count == count)
    unsafe y.withUnsafeMutableBufferPointer { y in
      unsafe gate.withUnsafeBufferPointer { gate in
        unsafe up.withUnsafeBufferPointer { up in
          switch activation {
          case .silu: unsafe zz_swiglu(gate.baseAddress, up.baseAddress, y.baseAddress, count)
          case .geluTanh: unsafe zz_geglu(gate.baseAddress, up.baseAddress, y.baseAddress, count)
          case .clamped:
            unsafe zz_clamped_swiglu(gate.baseAddress, up.baseAddress, y.baseAddress, count)
          }
        }
      }
    }
  }

  /// Replaces gate and up by their gradients for dy.
  @inline(__always)
  static func gatedBackward(
    _ activation: Activation, _ dy: Span<Float>, gate: inout MutableSpan<Float>,
    up: inout MutableSpan<Float>
  ) {
    let count = dy.count
    precondition(gate.count == count && up.count == count)
    unsafe gate.withUnsafeMutableBufferPointer { gate in
      unsafe up.withUnsafeMutableBufferPointer { up in
        unsafe dy.withUnsafeBufferPointer { dy in
          switch activation {
          case .silu:
            unsafe zz_swiglu_backward(gate.baseAddress, up.baseAddress, dy.baseAddress, count)
          case .geluTanh:
            unsafe zz_geglu_backward(gate.baseAddress, up.baseAddress, dy.baseAddress, count)
          case .clamped:
            unsafe zz_clamped_swiglu_backward(
              gate.baseAddress, up.baseAddress, dy.baseAddress, count)
          }
        }
      }
    }
  }

  /// Index of the largest value, the first of equals.
  static func argmax(_ x: Span<Float>) -> Int {
    precondition(x.count > 0, "argmax of nothing")
    return unsafe x.withUnsafeBufferPointer { unsafe zz_argmax($0.baseAddress, $0.count) }
  }
}
