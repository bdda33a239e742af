import Foundation

/// What the shell lets the process use: open files, and stacks.
enum ProcessLimits {
  /// Files that a run opens at once, beside what it was started with.
  private static let files = 13
  /// Bytes that small things need: buffers, stacks of threads, what libraries allocate.
  private static let leastMemory = 64 << 20
  /// What most shells give the first thread.
  private static let stackSize = 8 << 20

  /// Raises the limit of open files as far as the shell lets it, and refuses one that is too low for any
  /// work.
  ///
  /// - Throws: `ToolError.limit`.
  static func openFiles() throws(ToolError) {
    var limit = rlimit()
    if unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
      limit.rlim_cur = limit.rlim_max
      _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
    // What counts is how many are left, since a process may be started with many open ones.
    var opened: [Int32] = []
    defer { for descriptor in opened { close(descriptor) } }
    while opened.count < files {
      let descriptor = unsafe open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      guard descriptor >= 0 else {
        if errno == ENFILE {
          throw .limit(
            "the system has no room for more open files; end other processes, and try again")
        }
        guard errno == EMFILE else { return }
        throw .limit(
          "the shell lets the process open \(opened.count) files (\(limit.rlim_max) with those that it was "
            + "started with), but it needs \(files); start it from a shell with a higher hard limit, which "
            + "`ulimit -Hn` shows")
      }
      opened.append(descriptor)
    }
  }

  /// Refuses an address space without room for any work: where the system gives not even small pieces of memory,
  /// the libraries below end in a trap.
  ///
  /// - Throws: `ToolError.limit`.
  static func memory() throws(ToolError) {
    let place = unsafe mmap(
      nil, leastMemory, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    guard unsafe place != MAP_FAILED else {
      throw .limit(
        "there is no memory for work (\(leastMemory >> 20) MiB at the least); raise the limit that "
          + "`ulimit -v` shows")
    }
    unsafe munmap(place, leastMemory)
  }

  /// Does `work` with stacks that are large enough: where `ulimit -s` allows less, on a thread whose stack, like
  /// those of all threads begun from now on, has a size of its own.
  static func onStackOfItsOwn(
    _ work: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer?
  ) {
    var limit = rlimit()
    guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_STACK.rawValue), &limit) == 0,
      limit.rlim_cur < stackSize
    else { _ = unsafe work(nil); return }
    var attributes = pthread_attr_t()
    guard unsafe pthread_attr_init(&attributes) == 0 else { _ = unsafe work(nil); return }
    defer { unsafe pthread_attr_destroy(&attributes) }
    unsafe pthread_attr_setstacksize(&attributes, stackSize)
    // The system's headers show this function to C alone.
    typealias SetDefault = @convention(c) (UnsafePointer<pthread_attr_t>) -> Int32
    if let symbol = unsafe dlsym(nil, "pthread_setattr_default_np") {
      _ = unsafe unsafeBitCast(symbol, to: SetDefault.self)(&attributes)
    }
    var thread = pthread_t()
    // Where there is no memory or no right for a thread, there is the first one.
    guard unsafe pthread_create(&thread, &attributes, work, nil) == 0 else {
      _ = unsafe work(nil)
      return
    }
    pthread_join(thread, nil)
  }
}
